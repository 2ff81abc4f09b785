"""What the use cases of scheduling are given, a module for each subject."""
