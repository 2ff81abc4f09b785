"""The contracts of events: `catalogue` has what scheduling publishes, and `streams` what it reads."""
