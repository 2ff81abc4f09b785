"""Reads of clinics, providers and service types."""
