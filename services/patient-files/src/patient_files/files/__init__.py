"""Main files and their sub-files."""
