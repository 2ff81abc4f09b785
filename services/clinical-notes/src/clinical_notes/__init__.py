"""Clinical notes: what was done in a session, written and signed by its provider."""
