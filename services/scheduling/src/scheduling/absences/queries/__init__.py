"""Reads of the sessions that an absence affects, and the proposals for them."""
