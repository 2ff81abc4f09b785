"""Counts over sessions, packages and providers."""
