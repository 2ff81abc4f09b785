"""Patients, main files, sub-files, and what is kept of scheduling's records.

An id is unique within its tenant only: a row of one tenant can never stand in the way of another's.
"""

from alembic import op

from jalsa.db.schema import create_mechanisms, drop_mechanisms, register_tenant_table

revision = "0001"
down_revision = None

SERVICE = "patient-files"
# a patient and a file are never deleted, and a sub-file does not change
TABLES = {"patients": "SELECT, INSERT, UPDATE", "main_files": "SELECT, INSERT, UPDATE", "sub_files": "SELECT, INSERT"}
PROJECTIONS = ("clinics", "providers", "appointments")


def upgrade() -> None:
    create_mechanisms(op.execute, SERVICE)
    op.execute("""
        CREATE TABLE patients (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          first_name_en text NOT NULL,
          last_name_en text NOT NULL,
          first_name_ar text,
          last_name_ar text,
          national_id text,
          date_of_birth date NOT NULL CHECK (date_of_birth >= '1900-01-01'),
          sex text NOT NULL CHECK (sex IN ('M', 'F')),
          phone text CHECK (phone ~ '^[+][1-9][0-9]{3,14}$'),
          email text,
          preferred_language text NOT NULL CHECK (preferred_language IN ('ar', 'en')),
          active boolean NOT NULL,
          created_at timestamptz NOT NULL,
          PRIMARY KEY (tenant_id, id),
          CONSTRAINT patients_national_id_key UNIQUE (tenant_id, national_id)
        );
        CREATE TABLE main_files (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          file_number text NOT NULL,
          patient_id uuid NOT NULL,
          opened_at timestamptz NOT NULL,
          PRIMARY KEY (tenant_id, id),
          CONSTRAINT main_files_number_key UNIQUE (tenant_id, file_number),
          CONSTRAINT main_files_patient_key UNIQUE (tenant_id, patient_id),
          FOREIGN KEY (tenant_id, patient_id) REFERENCES patients (tenant_id, id)
        );
        CREATE TABLE sub_files (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          sub_file_number text NOT NULL,
          main_file_id uuid NOT NULL,
          clinic_id uuid NOT NULL,
          clinic_code text NOT NULL,
          assigned_provider_id uuid NOT NULL,
          status text NOT NULL CHECK (status = 'ACTIVE'),
          opened_at timestamptz NOT NULL,
          PRIMARY KEY (tenant_id, id),
          CONSTRAINT sub_files_number_key UNIQUE (tenant_id, sub_file_number),
          -- once per patient and clinic, whatever the application did or forgot
          CONSTRAINT sub_files_clinic_key UNIQUE (tenant_id, main_file_id, clinic_id),
          FOREIGN KEY (tenant_id, main_file_id) REFERENCES main_files (tenant_id, id)
        );

        CREATE TABLE clinics (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          code text NOT NULL,
          name_en text NOT NULL,
          name_ar text NOT NULL,
          active boolean NOT NULL,
          PRIMARY KEY (tenant_id, id)
        );
        CREATE TABLE providers (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          user_id text NOT NULL,
          name_en text NOT NULL,
          name_ar text NOT NULL,
          active boolean NOT NULL,
          PRIMARY KEY (tenant_id, id)
        );
        CREATE TABLE appointments (
          id uuid NOT NULL,
          tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
          appointment_number text NOT NULL,
          patient_id uuid NOT NULL,
          clinic_id uuid NOT NULL,
          provider_id uuid NOT NULL,
          starts_at timestamptz NOT NULL,
          status text NOT NULL,
          PRIMARY KEY (tenant_id, id)
        );
    """)
    for table, rights in TABLES.items():
        register_tenant_table(op.execute, table, SERVICE, rights=rights)
    for table in PROJECTIONS:
        register_tenant_table(op.execute, table, SERVICE, audited=False)


def downgrade() -> None:
    op.execute(f"DROP TABLE {', '.join((*PROJECTIONS, *reversed(TABLES)))}")
    drop_mechanisms(op.execute, SERVICE)
