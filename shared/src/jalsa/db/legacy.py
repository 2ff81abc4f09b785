"""The keys under which another system had our records: integers and UUIDs, as text."""

from collections.abc import Collection, Mapping
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

_FIND = text("SELECT legacy_key, id FROM legacy_ids WHERE kind = :kind AND legacy_key = ANY(:keys)")
_KEEP = text("""
    INSERT INTO legacy_ids (kind, legacy_key, id) VALUES (:kind, :key, :id)
    ON CONFLICT (tenant_id, kind, legacy_key) DO UPDATE SET id = EXCLUDED.id
""")


def find_ids(db: Session, kind: str, keys: Collection[str]) -> Mapping[str, UUID]:
    """The ids of the records of a kind that had these keys. A key that is not known is left out."""
    if not keys:
        return {}
    rows = db.execute(_FIND, {"kind": kind, "keys": sorted(set(keys))})
    return {row.legacy_key: row.id for row in rows}


def keep_id(db: Session, kind: str, key: str, record_id: UUID) -> None:
    """Keep under which key another system had a record."""
    db.execute(_KEEP, {"kind": kind, "key": key, "id": record_id})
