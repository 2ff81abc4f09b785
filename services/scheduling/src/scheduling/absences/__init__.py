"""Absences, the booked sessions that they affect, and the proposals for those sessions."""
