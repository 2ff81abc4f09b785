"""Scheduling: the single place where every session is booked."""
