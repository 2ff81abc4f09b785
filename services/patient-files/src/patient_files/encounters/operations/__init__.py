"""What can be done with encounters."""
