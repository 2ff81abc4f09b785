"""Calendars of providers and rooms, and the links by which other programs follow them."""
