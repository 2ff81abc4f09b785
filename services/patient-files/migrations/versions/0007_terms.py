"""Patients are found by terms of their names and numbers, and the day of each patient's last visit is kept."""

from collections.abc import Sequence
from uuid import UUID

from alembic import op
from sqlalchemy import Row, text

from jalsa.db.schema import create_terms, register_tenant_table
from jalsa.db.terms import LONGEST
from patient_files.patients.terms import KnownBy, terms_of

revision = "0007"
down_revision = "0006"

SERVICE = "patient-files"
_BATCH = 2_000
# The owner is bound by the policies of tables, too, and no tenant is set here.
_READ = ("patients", "phones", "identifiers", "main_files", "appointments", "clinics")
_WRITTEN = ("patient_terms", "patient_activity")
_PATIENTS = text("""
    SELECT p.tenant_id, p.id, f.file_number, p.birth_value,
      CASE p.birth_precision WHEN 'DAY' THEN p.born_from END AS born_on,
      ARRAY[p.first_name_en, p.father_name_en, p.grandfather_name_en, p.last_name_en] AS name_en,
      ARRAY[p.first_name_ar, p.father_name_ar, p.grandfather_name_ar, p.last_name_ar] AS name_ar,
      ARRAY(SELECT number FROM phones c WHERE (c.tenant_id, c.patient_id) = (p.tenant_id, p.id)) AS phones,
      ARRAY(SELECT value FROM identifiers i WHERE (i.tenant_id, i.patient_id) = (p.tenant_id, p.id)
              AND i.ended_at IS NULL) AS identifiers
    FROM patients p JOIN main_files f ON f.tenant_id = p.tenant_id AND f.patient_id = p.id
    WHERE (p.tenant_id, p.id) > (:tenant, :after) ORDER BY p.tenant_id, p.id LIMIT :limit
""")
_STORE = text("""
    INSERT INTO patient_terms (tenant_id, record_id, kind, term)
    SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:records AS uuid[]), CAST(:kinds AS text[]),
                         CAST(:terms AS text[]))
""")
# A zone that this server does not know, if there is one, is read as UTC.
_VISITS = """
    INSERT INTO patient_activity (tenant_id, id, last_visit_on)
    SELECT a.tenant_id, a.patient_id, max(CAST(a.starts_at AT TIME ZONE coalesce(z.name, 'UTC') AS date))
    FROM appointments a
    LEFT JOIN clinics c ON c.tenant_id = a.tenant_id AND c.id = a.clinic_id
    LEFT JOIN pg_timezone_names z ON z.name = c.timezone
    WHERE a.status = 'ATTENDED' GROUP BY 1, 2
"""


def upgrade() -> None:
    create_terms(op.execute, "patient_terms", SERVICE)
    op.execute("""
        CREATE TABLE patient_activity (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          last_visit_on date,
          -- a search reads up to 2,000 of these days, and none of them from the table
          PRIMARY KEY (tenant_id, id) INCLUDE (last_visit_on)
        );
        CREATE INDEX appointments_visits ON appointments (tenant_id, patient_id, starts_at) WHERE status = 'ATTENDED';
    """)
    register_tenant_table(op.execute, "patient_activity", SERVICE, audited=False)
    for table in (*_READ, *_WRITTEN):
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    _write_terms()
    op.execute(_VISITS)
    for table in (*_READ, *_WRITTEN):
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def downgrade() -> None:
    op.execute("DROP INDEX appointments_visits; DROP TABLE patient_activity, patient_terms")


def _write_terms() -> None:
    """The terms of the patients who are there, a batch after the other."""
    bind = op.get_bind()
    tenant, after = "", UUID(int=0)
    while patients := bind.execute(_PATIENTS, {"tenant": tenant, "after": after, "limit": _BATCH}).all():
        _store(patients)
        tenant, after = patients[-1].tenant_id, patients[-1].id


def _store(patients: Sequence[Row[tuple[object, ...]]]) -> None:
    rows = [(each.tenant_id, each.id, term) for each in patients for term in terms_of(_known_by(each))]
    values = {
        "tenants": [tenant for tenant, _, _ in rows],
        "records": [record for _, record, _ in rows],
        "kinds": [term.kind for _, _, term in rows],
        "terms": [term.text[:LONGEST] for _, _, term in rows],
    }
    op.get_bind().execute(_STORE, values)


def _known_by(row: Row[tuple[object, ...]]) -> KnownBy:
    return KnownBy(
        names=[[part for part in parts if part] for parts in (row.name_en, row.name_ar)],
        phones=row.phones,
        identifiers=row.identifiers,
        file_numbers=[row.file_number],
        births=[birth for birth in (row.birth_value, row.born_on and row.born_on.isoformat()) if birth],
    )
