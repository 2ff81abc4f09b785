"""What can be done to a session and to the appointments in it; nothing commits."""
