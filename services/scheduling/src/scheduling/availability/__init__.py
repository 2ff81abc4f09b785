"""Free times for a new appointment."""
