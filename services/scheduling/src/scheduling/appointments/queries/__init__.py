"""Queries for sessions and appointments."""
