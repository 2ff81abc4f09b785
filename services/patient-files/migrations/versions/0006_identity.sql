-- Whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B). Null for no digits.
CREATE FUNCTION has_luhn_digit(digits text) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT sum(CASE WHEN n % 2 = 1 THEN d WHEN d > 4 THEN d * 2 - 9 ELSE d * 2 END) % 10 = 0
  FROM (SELECT n, substr(reverse(digits), n, 1)::int AS d FROM generate_series(1, length(digits)) AS n) AS each
$$;

-- What a national id of the version before means: one of the register where it has its shape and its check digit.
CREATE FUNCTION earlier_identifier(national_id text, OUT type text, OUT issuing_country text, OUT value text)
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
  SELECT t, CASE t WHEN 'OTHER' THEN 'ZZ' ELSE 'SA' END, v
  FROM (SELECT CASE WHEN v !~ '^[12][0-9]{9}$' OR NOT has_luhn_digit(v) THEN 'OTHER'
                    WHEN v ~ '^1' THEN 'NAT' ELSE 'IQAMA' END AS t, v
        FROM upper(replace(national_id, '-', '')) AS v) AS folded
$$;

ALTER TABLE patients
  ALTER first_name_en DROP NOT NULL,
  ALTER last_name_en DROP NOT NULL,
  ALTER date_of_birth DROP NOT NULL,
  DROP CONSTRAINT patients_sex_check,
  ADD father_name_en text, ADD grandfather_name_en text, ADD father_name_ar text, ADD grandfather_name_ar text,
  ADD identity_status text NOT NULL DEFAULT 'KNOWN' CHECK (identity_status IN ('KNOWN', 'NEWBORN', 'UNKNOWN')),
  ADD mother_patient_id uuid, ADD mother_name_en text, ADD mother_name_ar text,
  ADD birth_order smallint CHECK (birth_order BETWEEN 1 AND 10),
  ADD nationality text CHECK (nationality ~ '^[A-Z]{2}$'),
  ADD birth_calendar text CHECK (birth_calendar IN ('GREGORIAN', 'HIJRI')),
  ADD birth_precision text CHECK (birth_precision IN ('DAY', 'MONTH', 'YEAR')),
  ADD birth_value text, ADD born_from date, ADD born_to date,
  ADD deceased_on date,
  ADD tell text NOT NULL DEFAULT 'PATIENT' CHECK (tell IN ('PATIENT', 'CONTACTS')),
  ADD restricted boolean NOT NULL DEFAULT false,
  ADD change_reason text,
  ADD FOREIGN KEY (tenant_id, mother_patient_id) REFERENCES patients (tenant_id, id);
UPDATE patients SET birth_calendar = 'GREGORIAN', birth_precision = 'DAY', birth_value = date_of_birth::text,
  born_from = date_of_birth, born_to = date_of_birth;
ALTER TABLE patients
  ADD CONSTRAINT patients_sex CHECK (sex IN ('M', 'F') OR (sex = 'U' AND identity_status <> 'KNOWN')),
  ADD CONSTRAINT patients_known_by_name CHECK (identity_status <> 'KNOWN' OR num_nonnulls(
    first_name_en, father_name_en, grandfather_name_en, last_name_en,
    first_name_ar, father_name_ar, grandfather_name_ar, last_name_ar) > 0),
  ADD CONSTRAINT patients_birth CHECK (
    num_nonnulls(birth_calendar, birth_precision, birth_value, born_from, born_to) IN (0, 5)
    AND (born_from IS NOT NULL OR identity_status = 'UNKNOWN')
    AND born_from >= '1900-01-01' AND born_from <= born_to),
  ADD CONSTRAINT patients_deceased CHECK (NOT (active AND deceased_on IS NOT NULL));

CREATE TABLE phones (
  id uuid NOT NULL,
  tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
  patient_id uuid NOT NULL,
  position smallint NOT NULL CHECK (position BETWEEN 1 AND 5),
  number text NOT NULL CHECK (number ~ '^[+][1-9][0-9]{3,14}$'),
  number_type text NOT NULL,
  label text CHECK (char_length(label) BETWEEN 1 AND 60),
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT phones_position_key UNIQUE (tenant_id, patient_id, position),
  FOREIGN KEY (tenant_id, patient_id) REFERENCES patients (tenant_id, id)
);
INSERT INTO phones (id, tenant_id, patient_id, position, number, number_type)
  SELECT gen_random_uuid(), tenant_id, id, 1, phone, 'UNKNOWN' FROM patients WHERE phone IS NOT NULL;

CREATE TABLE identifiers (
  id uuid NOT NULL,
  tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
  patient_id uuid NOT NULL,
  type text NOT NULL CHECK (type IN ('NAT', 'IQAMA', 'GCC', 'BORDER', 'PASSPORT', 'OTHER')),
  issuing_country text NOT NULL CHECK (issuing_country ~ '^[A-Z]{2}$'),
  value text NOT NULL CHECK (value ~ '^[A-Z0-9]{1,20}$'),
  created_at timestamptz NOT NULL,
  created_by text NOT NULL,
  ended_at timestamptz,
  ended_by text,
  end_reason text,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT identifiers_shape CHECK (CASE type
    WHEN 'NAT' THEN value ~ '^1[0-9]{9}$' AND issuing_country = 'SA' AND has_luhn_digit(value)
    WHEN 'IQAMA' THEN value ~ '^2[0-9]{9}$' AND issuing_country = 'SA' AND has_luhn_digit(value)
    WHEN 'BORDER' THEN value ~ '^[0-9]{10}$' AND issuing_country = 'SA'
    WHEN 'GCC' THEN value ~ '^[0-9]{6,15}$' AND issuing_country IN ('AE', 'BH', 'KW', 'OM', 'QA')
    ELSE true END),
  CONSTRAINT identifiers_end CHECK (num_nonnulls(ended_at, ended_by, end_reason) IN (0, 3)),
  FOREIGN KEY (tenant_id, patient_id) REFERENCES patients (tenant_id, id)
);
-- Of two numbers that are one as they are compared, the older registration keeps it. The other is history, and its
-- reason names the patient who has the number: a later migration makes an open pair of possible duplicates of it.
INSERT INTO identifiers (id, tenant_id, patient_id, type, issuing_country, value, created_at, created_by,
                         ended_at, ended_by, end_reason)
  SELECT gen_random_uuid(), tenant_id, patient_id, type, issuing_country, value, created_at, 'system:migration',
         CASE WHEN keeper <> patient_id THEN now() END,
         CASE WHEN keeper <> patient_id THEN 'system:migration' END,
         CASE WHEN keeper <> patient_id THEN 'same-number-as-patient ' || keeper END
  FROM (
    SELECT p.tenant_id, p.id AS patient_id, p.created_at, i.*, first_value(p.id) OVER (
             PARTITION BY p.tenant_id, i.type, i.issuing_country, i.value ORDER BY p.created_at, p.id) AS keeper
    FROM patients p CROSS JOIN LATERAL earlier_identifier(p.national_id) i
    WHERE i.value <> ''
  ) AS folded;
-- The rule that an identifier is one patient's, whatever the application did or forgot.
CREATE UNIQUE INDEX identifiers_value_key ON identifiers (tenant_id, type, issuing_country, value)
  WHERE ended_at IS NULL;
CREATE UNIQUE INDEX identifiers_single_key ON identifiers (tenant_id, patient_id, type)
  WHERE ended_at IS NULL AND type IN ('NAT', 'IQAMA');
CREATE INDEX identifiers_patient ON identifiers (tenant_id, patient_id);

CREATE TABLE guardians (
  id uuid NOT NULL,
  tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
  patient_id uuid NOT NULL,
  relation text NOT NULL,
  name_en text,
  name_ar text,
  guardian_patient_id uuid,
  phone text CHECK (phone ~ '^[+][1-9][0-9]{3,14}$'),
  phone_type text,
  email text,
  language text CHECK (language IN ('ar', 'en')),
  receives_messages boolean NOT NULL,
  is_primary boolean NOT NULL,
  created_at timestamptz NOT NULL,
  created_by text NOT NULL,
  ended_on date,
  end_reason text,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT guardians_named CHECK (num_nonnulls(name_en, name_ar) > 0),
  CONSTRAINT guardians_somebody_else CHECK (guardian_patient_id <> patient_id),
  CONSTRAINT guardians_end CHECK (num_nonnulls(ended_on, end_reason) IN (0, 2)),
  FOREIGN KEY (tenant_id, patient_id) REFERENCES patients (tenant_id, id),
  FOREIGN KEY (tenant_id, guardian_patient_id) REFERENCES patients (tenant_id, id)
);
CREATE INDEX guardians_patient ON guardians (tenant_id, patient_id);
CREATE INDEX guardians_guardian ON guardians (tenant_id, guardian_patient_id) WHERE guardian_patient_id IS NOT NULL;
CREATE UNIQUE INDEX guardians_primary_key ON guardians (tenant_id, patient_id) WHERE is_primary AND ended_on IS NULL;

CREATE TABLE consent_rights (
  id uuid NOT NULL,
  tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
  guardian_id uuid NOT NULL,
  basis text NOT NULL CHECK (basis IN ('NATURAL_GUARDIAN', 'COURT_ORDER', 'POWER_OF_ATTORNEY', 'DELEGATION')),
  document text,
  valid_from date NOT NULL,
  valid_to date,
  created_at timestamptz NOT NULL,
  created_by text NOT NULL,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT consent_rights_days CHECK (valid_from <= valid_to),
  FOREIGN KEY (tenant_id, guardian_id) REFERENCES guardians (tenant_id, id)
);
CREATE INDEX consent_rights_guardian ON consent_rights (tenant_id, guardian_id);

CREATE TABLE alerts (
  id uuid NOT NULL,
  tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
  patient_id uuid NOT NULL,
  kind text NOT NULL,
  text text NOT NULL CHECK (char_length(text) BETWEEN 1 AND 500),
  audience text NOT NULL CHECK (audience IN ('ALL', 'CLINICAL')),
  created_at timestamptz NOT NULL,
  created_by text NOT NULL,
  ended_at timestamptz,
  ended_by text,
  end_reason text,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT alerts_end CHECK (num_nonnulls(ended_at, ended_by, end_reason) IN (0, 3)),
  FOREIGN KEY (tenant_id, patient_id) REFERENCES patients (tenant_id, id)
);
CREATE INDEX alerts_patient ON alerts (tenant_id, patient_id);

-- Processes of the version before run on during an upgrade. What they write is taken over here, and only what they
-- write has these columns. Both functions and the three columns go with the migration after the next release.
CREATE FUNCTION take_over_earlier_birth() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  NEW.birth_calendar = 'GREGORIAN';
  NEW.birth_precision = 'DAY';
  NEW.birth_value = NEW.date_of_birth::text;
  NEW.born_from = NEW.date_of_birth;
  NEW.born_to = NEW.date_of_birth;
  RETURN NEW;
END $$;
CREATE TRIGGER earlier_birth BEFORE INSERT ON patients
  FOR EACH ROW WHEN (NEW.date_of_birth IS NOT NULL) EXECUTE FUNCTION take_over_earlier_birth();
CREATE FUNCTION take_over_earlier_contacts() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO identifiers (id, patient_id, type, issuing_country, value, created_at, created_by)
      SELECT gen_random_uuid(), NEW.id, i.type, i.issuing_country, i.value, now(), current_setting('jalsa.actor')
      FROM earlier_identifier(NEW.national_id) i WHERE i.value <> '';
  END IF;
  IF NEW.phone IS NULL THEN
    DELETE FROM phones WHERE patient_id = NEW.id AND position = 1;
  ELSE
    INSERT INTO phones (id, patient_id, position, number, number_type)
      VALUES (gen_random_uuid(), NEW.id, 1, NEW.phone, CASE WHEN NEW.phone LIKE '+9665%' THEN 'MOBILE' ELSE 'UNKNOWN' END)
      ON CONFLICT (tenant_id, patient_id, position) DO UPDATE
        SET number = excluded.number, number_type = excluded.number_type, label = NULL;
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER earlier_contacts AFTER INSERT ON patients
  FOR EACH ROW WHEN (NEW.national_id IS NOT NULL OR NEW.phone IS NOT NULL)
  EXECUTE FUNCTION take_over_earlier_contacts();
CREATE TRIGGER earlier_phone AFTER UPDATE ON patients
  FOR EACH ROW WHEN (NEW.phone IS DISTINCT FROM OLD.phone) EXECUTE FUNCTION take_over_earlier_contacts();
