"""Use cases that join several subjects. Each takes its locks first, and then applies what follows in a fixed order."""
