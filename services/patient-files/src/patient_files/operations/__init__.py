"""What can be done: verb functions over a transaction (`db`), that never commit."""
