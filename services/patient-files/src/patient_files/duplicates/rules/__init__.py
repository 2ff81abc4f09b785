"""The rules by which two records may be one person's. No I/O."""
