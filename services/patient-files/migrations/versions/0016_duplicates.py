"""Records that may be one person's: by what they are found, and what was decided about two of them.

Two national ids that turned out to be one number (0006) make an open pair of the patients who had them.
"""

from collections.abc import Sequence
from uuid import UUID

from alembic import op
from sqlalchemy import Row, text

from jalsa.db.schema import register_tenant_table, roles
from jalsa.db.terms import LONGEST
from patient_files.patients.likeness import ALIKE, Alike, likeness_terms

revision = "0016"
down_revision = "0015"

SERVICE = "patient-files"
APP, _ = roles(SERVICE)
_BATCH = 2_000
# The owner is bound by the policies of tables, too, and no tenant is set here.
_OPENED = ("patients", "phones", "guardians", "identifiers", "patient_terms")
_PATIENTS = text("""
    SELECT p.tenant_id, p.id, p.email, p.mother_name_en, p.mother_name_ar,
      concat_ws(' ', p.first_name_en, p.father_name_en, p.grandfather_name_en, p.last_name_en) AS name_en,
      concat_ws(' ', p.first_name_ar, p.father_name_ar, p.grandfather_name_ar, p.last_name_ar) AS name_ar,
      CASE p.birth_precision WHEN 'DAY' THEN p.born_from END AS born_on,
      ARRAY(SELECT number FROM phones c WHERE (c.tenant_id, c.patient_id) = (p.tenant_id, p.id)
            UNION SELECT phone FROM guardians g WHERE (g.tenant_id, g.patient_id) = (p.tenant_id, p.id)
              AND g.ended_on IS NULL AND g.phone IS NOT NULL) AS phones
    FROM patients p WHERE (p.tenant_id, p.id) > (:tenant, :after) ORDER BY p.tenant_id, p.id LIMIT :limit
""")
_STORE = text("""
    INSERT INTO patient_terms (tenant_id, record_id, kind, term)
    SELECT * FROM unnest(CAST(:tenants AS text[]), CAST(:records AS uuid[]), CAST(:kinds AS text[]),
                         CAST(:terms AS text[]))
    ON CONFLICT DO NOTHING
""")
# The reason names the patient who has kept the number (0006).
_PAIRS = """
    INSERT INTO duplicate_pairs
      (id, tenant_id, patient_a_id, patient_b_id, grade, reasons, decision, created_at, created_by)
    SELECT gen_random_uuid(), tenant_id, least(patient_id, keeper), greatest(patient_id, keeper), 'CERTAIN',
           '{same-identifier}', 'OPEN', now(), 'system:migration'
    FROM (
      SELECT DISTINCT tenant_id, patient_id, CAST(split_part(end_reason, ' ', 2) AS uuid) AS keeper FROM identifiers
      WHERE ended_by = 'system:migration' AND end_reason LIKE 'same-number-as-patient %'
    ) AS folded
    ON CONFLICT DO NOTHING
"""


def upgrade() -> None:
    op.execute("""
        CREATE TABLE duplicate_pairs (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          patient_a_id uuid NOT NULL,
          patient_b_id uuid NOT NULL,
          grade text NOT NULL CHECK (grade IN ('CERTAIN', 'PROBABLE', 'POSSIBLE')),
          reasons text[] NOT NULL,
          decision text NOT NULL CHECK (decision IN ('OPEN', 'NOT_DUPLICATE', 'MERGED')),
          decision_reason text CHECK (char_length(decision_reason) BETWEEN 1 AND 500),
          decided_at timestamptz,
          decided_by text,
          created_at timestamptz NOT NULL,
          created_by text NOT NULL,
          PRIMARY KEY (tenant_id, id),
          CONSTRAINT duplicate_pairs_key UNIQUE (tenant_id, patient_a_id, patient_b_id),
          CONSTRAINT duplicate_pairs_order CHECK (patient_a_id < patient_b_id),
          CONSTRAINT duplicate_pairs_decided
            CHECK (num_nonnulls(decision_reason, decided_at, decided_by) = CASE decision WHEN 'OPEN' THEN 0 ELSE 3 END),
          FOREIGN KEY (tenant_id, patient_a_id) REFERENCES patients (tenant_id, id),
          FOREIGN KEY (tenant_id, patient_b_id) REFERENCES patients (tenant_id, id)
        );
        CREATE INDEX duplicate_pairs_b ON duplicate_pairs (tenant_id, patient_b_id);
        CREATE INDEX duplicate_pairs_decision ON duplicate_pairs (tenant_id, decision, id);
    """)
    for table in _OPENED:
        op.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY")
    op.execute(_PAIRS)
    _write_terms()
    for table in _OPENED:
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    register_tenant_table(op.execute, "duplicate_pairs", SERVICE, rights="SELECT, INSERT")
    op.execute(f"GRANT UPDATE (decision, decision_reason, decided_at, decided_by) ON duplicate_pairs TO {APP}")


def downgrade() -> None:
    op.execute("""
        ALTER TABLE patient_terms NO FORCE ROW LEVEL SECURITY;
        DELETE FROM patient_terms WHERE kind = 'alike';
        ALTER TABLE patient_terms FORCE ROW LEVEL SECURITY;
        DROP TABLE duplicate_pairs;
    """)


def _write_terms() -> None:
    """The terms of the patients who are there, a batch after the other."""
    bind = op.get_bind()
    tenant, after = "", UUID(int=0)
    while patients := bind.execute(_PATIENTS, {"tenant": tenant, "after": after, "limit": _BATCH}).all():
        _store(patients)
        tenant, after = patients[-1].tenant_id, patients[-1].id


def _store(patients: Sequence[Row[tuple[object, ...]]]) -> None:
    rows = [
        (each.tenant_id, each.id, term.text[:LONGEST]) for each in patients for term in likeness_terms(_alike(each))
    ]
    values = {
        "tenants": [tenant for tenant, _, _ in rows],
        "records": [record for _, record, _ in rows],
        "kinds": [ALIKE] * len(rows),
        "terms": [term for _, _, term in rows],
    }
    op.get_bind().execute(_STORE, values)


def _alike(row: Row[tuple[object, ...]]) -> Alike:
    own = tuple(name for name in (row.name_en, row.name_ar) if name)
    mother = tuple(name for name in (row.mother_name_en, row.mother_name_ar) if name)
    return Alike(names=own or mother, born_on=row.born_on, phones=frozenset(row.phones), email=row.email)
