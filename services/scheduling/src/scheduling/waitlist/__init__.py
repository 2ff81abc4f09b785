"""The waitlist, and the offers of spots that become free."""
