"""Scheduling, the only service in which sessions are booked."""
