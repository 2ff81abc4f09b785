"""What patient files keep of the records of other services."""
