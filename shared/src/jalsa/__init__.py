"""The mechanisms that the services of Jalsa share: no domain noun, no event class."""
