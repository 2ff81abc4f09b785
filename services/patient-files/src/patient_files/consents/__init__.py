"""Consents, and the standing that a patient's consents to treatment make together."""
