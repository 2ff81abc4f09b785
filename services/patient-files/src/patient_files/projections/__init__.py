"""What patient files keep of scheduling's records."""
