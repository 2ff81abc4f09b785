"""Sessions and the appointments in them: the core, which knows nothing of what follows from a booking."""
