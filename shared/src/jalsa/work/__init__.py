"""Due and periodic work, and the worker process that does it."""
