"""The inputs of the operations on sessions and appointments."""
