"""What is set up, and what is taken over from other services."""
