"""What can be consented to, in which words; and the lock that keeps a signature and a publication apart."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection, func, select, text
from sqlalchemy.orm import Session

from jalsa.db.due import DueRow, due_rows
from jalsa.db.keyset import keyset
from patient_files.consents.rules import BUILT_IN, NewSignature, TypeOfConsent
from patient_files.models import ConsentType, ConsentWording

_KEY = "hashtextextended('consent-type:' || current_setting('jalsa.tenant') || ':' || :code, 0)"
_SHARED = text(f"SELECT pg_advisory_xact_lock_shared({_KEY})")
_EXCLUSIVE = text(f"SELECT pg_advisory_xact_lock({_KEY})")

# Read by the relay role, which sees neither texts nor types.
_DUE_WORDINGS = text("""
    SELECT id, tenant_id, spread_due_at AS due_at FROM consent_wordings
    WHERE spread_due_at <= :now AND id <> ALL (CAST(:passed AS uuid[])) ORDER BY spread_due_at, id LIMIT :limit
""")


def lock_type_for_signing(db: Session, code: str) -> None:
    """Wait for a wording of this type that is being published, until the transaction ends; many may sign at once.

    Without it, a signature of the very moment does not see the new wording, nor the new wording the signature, which
    then counts without an end.
    """
    db.execute(_SHARED, {"code": code})


def lock_type_for_change(db: Session, code: str) -> None:
    """Wait for whoever signs or changes something of this type, until the transaction ends."""
    db.execute(_EXCLUSIVE, {"code": code})


def consent_types(db: Session) -> list[TypeOfConsent]:
    """What patients of the tenant may consent to, by code."""
    own = {row.code: _type_of(row) for row in db.scalars(select(ConsentType))}
    return [each for _, each in sorted((BUILT_IN | own).items())]


def find_type(db: Session, code: str) -> TypeOfConsent | None:
    """What patients may consent to under a code."""
    row = find_type_row(db, code)
    return _type_of(row) if row else BUILT_IN.get(code)


def find_type_row(db: Session, code: str) -> ConsentType | None:
    """What is stored of a type; None for one that is built in and was never changed."""
    return db.scalar(select(ConsentType).where(ConsentType.code == code))


def list_wordings(db: Session, code: str, *, after: int | None, limit: int) -> Sequence[ConsentWording]:
    """The wordings of a type by version, drafts too."""
    query = select(ConsentWording).where(ConsentWording.type == code)
    return db.scalars(
        keyset(query, ConsentWording.version, after=None if after is None else (after,), limit=limit)
    ).all()


def last_version(db: Session, code: str) -> int:
    """The version of a type's last wording, perhaps a draft; 0 where there is none."""
    return db.scalar(select(func.max(ConsentWording.version)).where(ConsentWording.type == code)) or 0


def last_published(db: Session, code: str) -> ConsentWording | None:
    """The wording of a type that was published last."""
    query = select(ConsentWording).where(ConsentWording.type == code, ConsentWording.published_at.is_not(None))
    return db.scalar(query.order_by(ConsentWording.version.desc()).limit(1))


def demands(db: Session, code: str) -> list[NewSignature]:
    """The published wordings of a type that require a new signature."""
    query = select(ConsentWording.version, ConsentWording.effective_on, ConsentWording.grace_days).where(
        ConsentWording.type == code, ConsentWording.published_at.is_not(None), ConsentWording.requires_resign
    )
    return [NewSignature(*row) for row in db.execute(query)]


def due_wordings(conn: Connection, now: datetime, passed: Sequence[UUID], limit: int) -> Sequence[DueRow]:
    """Published wordings of which not all earlier consents know yet, of all tenants."""
    return due_rows(conn, _DUE_WORDINGS, now=now, passed=passed, limit=limit)


def _type_of(row: ConsentType) -> TypeOfConsent:
    return TypeOfConsent(row.code, row.name_en, row.name_ar, row.validity_days, row.active)
