"""Group sessions that recur by a rule."""
