"""A tenant's own rules for its patient files."""
