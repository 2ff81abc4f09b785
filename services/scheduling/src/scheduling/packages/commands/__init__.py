"""What the operations on packages are given."""
