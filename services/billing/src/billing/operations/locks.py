"""The lock of a service type's prices. Nobody looks for a price while a new one is on its way."""

from sqlalchemy import text
from sqlalchemy.orm import Session

_KEY = "hashtextextended('prices:' || current_setting('jalsa.tenant') || ':' || :service_type, 0)"
_SHARED = text(f"SELECT pg_advisory_xact_lock_shared({_KEY})")
_EXCLUSIVE = text(f"SELECT pg_advisory_xact_lock({_KEY})")


def lock_prices_for_reading(db: Session, service_type: str) -> None:
    """Wait for a price that is being stored. Many may read at once.

    Without it, an appointment booked in the very moment of the first price sees no price, the price sees no draft, and
    the draft waits forever.
    """
    db.execute(_SHARED, {"service_type": service_type})


def lock_prices_for_writing(db: Session, service_type: str) -> None:
    """Wait for whoever reads or writes the prices of the service type, until the transaction ends."""
    db.execute(_EXCLUSIVE, {"service_type": service_type})
