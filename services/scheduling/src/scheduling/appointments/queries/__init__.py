"""Reads of sessions and appointments."""
