"""How spots that become free are offered and taken."""
