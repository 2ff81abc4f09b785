"""What the operations on sessions and appointments are given."""
