"""Which records have changed, for callers that keep a screen up to date."""
