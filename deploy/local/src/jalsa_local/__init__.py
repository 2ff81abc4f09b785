"""Jalsa on one machine: all five services on one port, with an embedded PostgreSQL."""
