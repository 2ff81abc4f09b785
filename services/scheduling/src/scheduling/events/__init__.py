"""The contracts of events. `catalogue` contains what scheduling publishes, and `streams` what it reads."""
