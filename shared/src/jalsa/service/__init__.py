"""What a service declares, and mechanisms that need neither HTTP nor the bus."""
