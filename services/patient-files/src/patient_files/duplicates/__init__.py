"""Duplicates: who else a person may be, and what was decided about two records that may be one person's."""
