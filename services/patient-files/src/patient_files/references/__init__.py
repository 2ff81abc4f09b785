"""References: which records of other systems belong to which encounter, and whether all of that fits together."""
