"""What a package itself does; nothing commits."""
