"""Queries for the sessions that an absence affects, and for the proposals."""
