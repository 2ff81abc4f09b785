"""Encounters with the versions of their clinical text, and what notes say of their documentation."""

from alembic import op

from jalsa.db.schema import allow_loose_numbers, register_tenant_table, roles

revision = "0013"
down_revision = "0012"

SERVICE = "patient-files"
APP, _ = roles(SERVICE)


def upgrade() -> None:
    allow_loose_numbers(op.execute, ("ENC",))
    op.execute(_TABLES)
    # an encounter is never deleted, and neither its number nor what made it ever changes
    register_tenant_table(op.execute, "encounters", SERVICE, rights="SELECT, INSERT, UPDATE")
    op.execute(f"""
        REVOKE UPDATE ON encounters FROM {APP};
        GRANT UPDATE (patient_id, provider_id, clinic_id, encounter_type, encounter_class, started_at, ended_at, status,
                      location, room_number, admission_id, priority, acuity_level, documentation_complete, signed_off,
                      signed_by, signed_at, billable, billing_codes, quality_measures, text_version, text_sha256,
                      replaced_by, correction_reason, updated_at) ON encounters TO {APP};
    """)
    # clinical text is stored here and nowhere else: not in the audit log either
    register_tenant_table(op.execute, "encounter_texts", SERVICE, audited=False, rights="SELECT, INSERT")
    register_tenant_table(op.execute, "encounter_settings", SERVICE, rights="SELECT, INSERT, UPDATE")
    register_tenant_table(op.execute, "signed_notes", SERVICE, audited=False, rights="SELECT, INSERT, UPDATE")


def downgrade() -> None:
    op.execute("DROP TABLE signed_notes, encounter_settings, encounter_texts, encounters")
    op.execute("""
        ALTER TABLE appointments DROP COLUMN session_id, DROP COLUMN service_type, DROP COLUMN timezone,
          DROP COLUMN room_id, DROP COLUMN room_name
    """)
    allow_loose_numbers(op.execute, ())


_TABLES = """
-- Null for an appointment that was placed before these were read; `backfill` fills them in.
ALTER TABLE appointments ADD COLUMN session_id uuid, ADD COLUMN service_type text, ADD COLUMN timezone text,
  ADD COLUMN room_id uuid, ADD COLUMN room_name text;

-- No foreign key to patients: no event fails because a patient is not known yet.
CREATE TABLE encounters (
  id uuid NOT NULL,
  tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
  encounter_number text NOT NULL,
  patient_id uuid NOT NULL,
  provider_id uuid,
  clinic_id uuid,
  encounter_type text NOT NULL CHECK (encounter_type <> ''),
  encounter_class text NOT NULL CHECK (encounter_class IN
    ('AMB', 'VR', 'HH', 'EMER', 'IMP', 'ACUTE', 'NONAC', 'OBSENC', 'PRENC', 'SS', 'FLD')),
  started_at timestamptz NOT NULL,
  ended_at timestamptz,
  status text NOT NULL CHECK (status IN
    ('PLANNED', 'ARRIVED', 'IN_PROGRESS', 'FINISHED', 'CANCELLED', 'ENTERED_IN_ERROR')),
  location text,
  room_number text,
  appointment_id uuid,
  admission_id uuid,
  priority text NOT NULL CHECK (priority IN ('ROUTINE', 'URGENT', 'ASAP', 'STAT')),
  acuity_level smallint CHECK (acuity_level BETWEEN 1 AND 5),
  documentation_complete boolean NOT NULL,
  signed_off boolean NOT NULL,
  signed_by text,
  signed_at timestamptz,
  billable boolean NOT NULL,
  billing_codes jsonb NOT NULL CHECK (jsonb_typeof(billing_codes) = 'array'),
  quality_measures jsonb NOT NULL CHECK (jsonb_typeof(quality_measures) = 'object'),
  -- the version of the clinical text that counts, 0 where there is none, and its hash
  text_version int NOT NULL CHECK (text_version >= 0),
  text_sha256 text,
  source text NOT NULL CHECK (source IN ('APPOINTMENT', 'MANUAL', 'BACKFILL', 'IMPORT')),
  replaced_by uuid,
  correction_reason text,
  created_at timestamptz NOT NULL,
  updated_at timestamptz NOT NULL,
  created_by text NOT NULL,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT encounters_number_key UNIQUE (tenant_id, encounter_number),
  FOREIGN KEY (tenant_id, replaced_by) REFERENCES encounters (tenant_id, id),
  CHECK (ended_at >= started_at),
  CHECK (status <> 'FINISHED' OR ended_at IS NOT NULL),
  CHECK (signed_off = (signed_by IS NOT NULL) AND signed_off = (signed_at IS NOT NULL)),
  CHECK (NOT signed_off OR status = 'FINISHED'),
  CHECK (replaced_by IS NULL OR (status = 'ENTERED_IN_ERROR' AND replaced_by <> id)),
  CHECK ((text_version = 0) = (text_sha256 IS NULL))
);
-- one encounter for each appointment, whatever the application did or forgot
CREATE UNIQUE INDEX encounters_appointment_key ON encounters (tenant_id, appointment_id)
  WHERE status <> 'ENTERED_IN_ERROR';
CREATE INDEX encounters_patient ON encounters (tenant_id, patient_id, started_at, id);
CREATE INDEX encounters_started ON encounters (tenant_id, started_at, id);
CREATE INDEX encounters_provider ON encounters (tenant_id, provider_id, started_at, id);
CREATE INDEX encounters_replaced ON encounters (tenant_id, replaced_by) WHERE replaced_by IS NOT NULL;
CREATE INDEX encounters_open ON encounters (tenant_id, started_at, id) WHERE status IN ('ARRIVED', 'IN_PROGRESS');
CREATE INDEX encounters_given_up ON encounters (tenant_id, status, id)
  WHERE status IN ('CANCELLED', 'ENTERED_IN_ERROR');

CREATE TABLE encounter_texts (
  encounter_id uuid NOT NULL,
  version int NOT NULL CHECK (version >= 1),
  tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
  chief_complaint text,
  reason_for_visit text,
  written_at timestamptz NOT NULL,
  written_by text NOT NULL,
  PRIMARY KEY (tenant_id, encounter_id, version),
  FOREIGN KEY (tenant_id, encounter_id) REFERENCES encounters (tenant_id, id)
);

-- What a tenant has decided about its encounters; its only row has the id of all zeros.
CREATE TABLE encounter_settings (
  id uuid NOT NULL CHECK (id = '00000000-0000-0000-0000-000000000000'),
  tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
  sign_off_needs_documentation boolean NOT NULL,
  PRIMARY KEY (tenant_id, id)
);

-- What was said last of each note; a note may be known before its appointment is.
CREATE TABLE signed_notes (
  id uuid NOT NULL,
  tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
  session_id uuid NOT NULL,
  appointment_id uuid,
  complete boolean,
  at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX signed_notes_appointment ON signed_notes (tenant_id, appointment_id, at DESC)
  WHERE complete IS NOT NULL AND appointment_id IS NOT NULL;
CREATE INDEX signed_notes_session ON signed_notes (tenant_id, session_id, at DESC)
  WHERE appointment_id IS NULL;
CREATE INDEX appointments_session ON appointments (tenant_id, session_id);
"""
