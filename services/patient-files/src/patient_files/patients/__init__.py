"""Patients: registered with their main file and changed."""
