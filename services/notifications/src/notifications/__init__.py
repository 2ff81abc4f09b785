"""Notifications: what patients and providers are told about an appointment, and how it went out."""
