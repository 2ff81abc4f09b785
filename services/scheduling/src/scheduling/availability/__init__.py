"""Search for free times for a new appointment."""
