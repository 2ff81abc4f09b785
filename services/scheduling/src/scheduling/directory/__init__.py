"""Clinics, rooms, providers with their hours, service types, and what other services announce about patients."""
