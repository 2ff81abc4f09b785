"""Absences and closures over sessions that are booked, and what is proposed for those."""
