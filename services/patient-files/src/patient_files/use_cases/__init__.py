"""What joins several subjects."""
