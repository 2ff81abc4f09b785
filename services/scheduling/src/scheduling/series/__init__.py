"""Sessions that repeat by a rule."""
