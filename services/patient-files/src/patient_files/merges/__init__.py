"""Merges of two records of one patient, and their undoing."""
