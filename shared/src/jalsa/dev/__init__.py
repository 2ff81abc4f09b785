"""What Jalsa's tests share. Nothing here is imported by a running service."""
