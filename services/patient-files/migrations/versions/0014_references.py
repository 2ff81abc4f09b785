"""References that records of other systems make to encounters, and the keys of the monolith's records."""

from alembic import op

from jalsa.db.schema import create_legacy_ids, drop_legacy_ids, register_tenant_table, roles

revision = "0014"
down_revision = "0013"

SERVICE = "patient-files"
APP, _ = roles(SERVICE)


def upgrade() -> None:
    create_legacy_ids(op.execute, SERVICE)
    op.execute(_TABLES)
    # which kinds there are is the same for all tenants
    op.execute(f"""
        ALTER TABLE reference_kinds ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
        CREATE POLICY everybody ON reference_kinds FOR SELECT TO {APP} USING (true);
        GRANT SELECT ON reference_kinds TO {APP};
    """)
    register_tenant_table(op.execute, "reference_systems", SERVICE, rights="SELECT, INSERT, UPDATE")
    # a reference is ended, and never changed or deleted
    rights = "SELECT, INSERT, UPDATE (ended_at, ended_by)"
    register_tenant_table(op.execute, "encounter_references", SERVICE, rights=rights)


def downgrade() -> None:
    op.execute("DROP TABLE encounter_references, reference_systems, reference_kinds")
    drop_legacy_ids(op.execute)


_TABLES = """
CREATE TABLE reference_kinds (system text NOT NULL, kind text NOT NULL, PRIMARY KEY (system, kind));
-- The monolith's plan counts 16 kinds and names these 14; the other two become rows once they are named.
INSERT INTO reference_kinds VALUES
  ('emr', 'VitalSigns'), ('emr', 'ProblemList'), ('emr', 'CarePlan'), ('emr', 'ClinicalNote'),
  ('emr', 'ClinicalRecommendation'), ('emr', 'CriticalAlert'), ('billing', 'Invoice'), ('pharmacy', 'Prescription'),
  ('pharmacy', 'MedicationAdministration'), ('laboratory', 'LabOrder'), ('radiology', 'RadOrder'),
  ('radiology', 'Study'), ('operating_theatre', 'SurgicalCase'), ('documentation', 'Document');

CREATE TABLE reference_systems (
  id uuid NOT NULL,
  tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
  system text NOT NULL,
  actors text[] NOT NULL,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT reference_systems_key UNIQUE (tenant_id, system)
);

-- No foreign key to encounters: who says so may refer to an encounter that is not there yet.
CREATE TABLE encounter_references (
  id uuid NOT NULL,
  tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
  encounter_id uuid NOT NULL,
  system text NOT NULL,
  kind text NOT NULL,
  ref text NOT NULL CHECK (ref <> ''),
  known boolean NOT NULL,
  registered_at timestamptz NOT NULL,
  registered_by text NOT NULL,
  ended_at timestamptz,
  ended_by text,
  -- A truth value, because the planner takes it for rare that something is null, and then takes any index for the best,
  -- until the table has been analysed.
  live boolean NOT NULL GENERATED ALWAYS AS (ended_at IS NULL) STORED,
  PRIMARY KEY (tenant_id, id),
  CHECK ((ended_at IS NULL) = (ended_by IS NULL))
);
-- a record refers to one encounter
CREATE UNIQUE INDEX encounter_references_key ON encounter_references (tenant_id, system, kind, ref)
  WHERE live;
CREATE INDEX encounter_references_encounter ON encounter_references (tenant_id, encounter_id, id)
  WHERE live;
CREATE INDEX encounter_references_unknown_kind ON encounter_references (tenant_id, id)
  WHERE live AND NOT known;
"""
