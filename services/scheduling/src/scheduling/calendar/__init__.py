"""Calendars of providers and rooms, and the links through which other programs subscribe to them."""
