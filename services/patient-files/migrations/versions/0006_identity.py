"""Who a patient is: names in parts, identifiers with types, telephones, guardians, alerts, and births in two calendars.

A national id becomes an identifier of the national register where it has its check digit, and one of type OTHER
otherwise. The columns that the version before writes stay for as long as its processes may run.
"""

from pathlib import Path

import phonenumbers
from alembic import op
from sqlalchemy import text

from jalsa.db.schema import register_tenant_table, roles

revision = "0006"
down_revision = "0005"

SERVICE = "patient-files"
APP, _ = roles(SERVICE)
# what identified a patient, who spoke for one and of what was warned stays known: it ends
TABLES = {
    "phones": "SELECT, INSERT, UPDATE, DELETE",
    "identifiers": "SELECT, INSERT",
    "guardians": "SELECT, INSERT, UPDATE",
    "consent_rights": "SELECT, INSERT",
    "alerts": "SELECT, INSERT",
}
_HERE = Path(__file__)
# The owner is bound by the policies of tables, too, and no tenant is set here; what a migration moves is no change of a
# record by anybody.
_OPEN = "ALTER TABLE patients NO FORCE ROW LEVEL SECURITY, DISABLE TRIGGER audit"
_CLOSE = "ALTER TABLE patients FORCE ROW LEVEL SECURITY, ENABLE TRIGGER audit"
_BATCH = 5_000
_NUMBERS = text("SELECT DISTINCT number FROM phones WHERE number > :after ORDER BY number LIMIT :limit")
_CLASSIFY = text("""
    UPDATE phones SET number_type = kinds.number_type
    FROM unnest(CAST(:numbers AS text[]), CAST(:kinds AS text[])) AS kinds (number, number_type)
    WHERE phones.number = kinds.number
""")


def upgrade() -> None:
    op.execute(_OPEN)
    op.execute(_HERE.with_suffix(".sql").read_text("utf-8"))
    op.execute(_CLOSE)
    _classify_phones()
    for table, rights in TABLES.items():
        register_tenant_table(op.execute, table, SERVICE, rights=rights)
    op.execute(f"""
        GRANT UPDATE (ended_at, ended_by, end_reason) ON identifiers, alerts TO {APP};
        REVOKE EXECUTE ON FUNCTION has_luhn_digit(text), earlier_identifier(text) FROM PUBLIC;
        GRANT EXECUTE ON FUNCTION has_luhn_digit(text), earlier_identifier(text) TO {APP};
    """)


def downgrade() -> None:
    for table in ("patients", "phones", "identifiers"):
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY, DISABLE TRIGGER audit")
    op.execute(_HERE.with_name(f"{_HERE.stem}_down.sql").read_text("utf-8"))
    op.execute(_CLOSE)


def _classify_phones() -> None:
    """What libphonenumber says that each number is."""
    bind, after = op.get_bind(), ""
    while numbers := bind.execute(_NUMBERS, {"after": after, "limit": _BATCH}).scalars().all():
        bind.execute(_CLASSIFY, {"numbers": list(numbers), "kinds": [_kind(number) for number in numbers]})
        after = numbers[-1]


def _kind(number: str) -> str:
    try:
        kind = phonenumbers.number_type(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        kind = phonenumbers.PhoneNumberType.UNKNOWN
    return phonenumbers.PhoneNumberType.to_string(kind)
