"""Clinical notes say what was done in a session, written and signed by its provider."""
