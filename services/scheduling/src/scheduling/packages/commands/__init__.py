"""The inputs of the operations on packages."""
