"""Sessions and the appointments in them. This is the core, which does not know what follows from a booking."""
