"""Notifications: the messages to patients and providers about appointments, and their delivery."""
