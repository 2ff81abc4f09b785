"""What can be done, as verb functions over a transaction (`db`). They never commit."""
