"""Packages of several sessions of one service for one patient, which are planned together."""
