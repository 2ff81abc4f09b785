"""Reports that count sessions, packages and providers."""
