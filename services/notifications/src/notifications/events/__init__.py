"""What notifications publishes, and what it reads of what the others publish."""
