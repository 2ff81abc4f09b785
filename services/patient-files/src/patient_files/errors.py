"""What the rules of patient files refuse."""

from jalsa.service.errors import Conflict, DomainError


class UnknownPatient(DomainError):
    """There is no such patient."""


class NationalIdTaken(Conflict):
    """Another patient has this national id."""
