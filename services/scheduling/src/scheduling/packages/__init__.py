"""Packages: several sessions of one service for one patient, planned together."""
