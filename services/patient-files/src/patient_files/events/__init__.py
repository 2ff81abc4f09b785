"""`catalogue` has what patient files publish, `streams` what they read. Each subject's `events` publishes its own."""
