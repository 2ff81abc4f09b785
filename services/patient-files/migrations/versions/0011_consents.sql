CREATE TABLE consent_types (
  id uuid NOT NULL,
  tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
  code text NOT NULL CHECK (code ~ '^[A-Z][A-Z0-9_-]{0,29}$'),
  name_en text NOT NULL,
  name_ar text NOT NULL,
  validity_days int CHECK (validity_days BETWEEN 1 AND 36500),
  active boolean NOT NULL,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT consent_types_code_key UNIQUE (tenant_id, code),
  CONSTRAINT consent_types_treatment CHECK (active OR code <> 'TREATMENT')
);

CREATE TABLE consent_wordings (
  id uuid NOT NULL,
  tenant_id text NOT NULL DEFAULT current_setting('jalsa.tenant'),
  type text NOT NULL,
  version int NOT NULL CHECK (version > 0),
  text_en text,
  text_ar text,
  sha256 text NOT NULL,
  effective_on date NOT NULL,
  requires_resign boolean NOT NULL,
  grace_days int NOT NULL CHECK (grace_days BETWEEN 0 AND 366),
  created_at timestamptz NOT NULL,
  created_by text NOT NULL,
  published_at timestamptz,
  published_by text,
  spread_due_at timestamptz,
  PRIMARY KEY (tenant_id, id),
  CONSTRAINT consent_wordings_version_key UNIQUE (tenant_id, type, version),
  -- what a consent refers to is of the consent's type
  CONSTRAINT consent_wordings_type_key UNIQUE (tenant_id, id, type),
  CONSTRAINT consent_wordings_text CHECK (num_nonnulls(text_en, text_ar) > 0),
  CONSTRAINT consent_wordings_sha256 CHECK (
    sha256 = encode(sha256(convert_to(coalesce(text_en, '') || U&'\001F' || coalesce(text_ar, ''), 'UTF8')), 'hex')),
  CONSTRAINT consent_wordings_publication CHECK (num_nonnulls(published_at, published_by) IN (0, 2)),
  CONSTRAINT consent_wordings_spread CHECK (spread_due_at IS NULL OR (published_at IS NOT NULL AND requires_resign))
);
CREATE INDEX consent_wordings_due ON consent_wordings (spread_due_at) WHERE spread_due_at IS NOT NULL;

-- What was published stays as it was signed, whatever the application does or forgot.
CREATE FUNCTION keep_published() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND to_jsonb(NEW) - 'spread_due_at' = to_jsonb(OLD) - 'spread_due_at' THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'published wording' USING ERRCODE = 'check_violation', CONSTRAINT = 'consent_wordings_published';
END $$;
CREATE TRIGGER keep_published BEFORE UPDATE OR DELETE ON consent_wordings
  FOR EACH ROW WHEN (OLD.published_at IS NOT NULL) EXECUTE FUNCTION keep_published();

ALTER TABLE consents
  DROP CONSTRAINT consents_consent_type_check,
  DROP CONSTRAINT consents_check2,
  ADD CONSTRAINT consents_type CHECK (consent_type ~ '^[A-Z][A-Z0-9_-]{0,29}$'),
  ADD wording_id uuid,
  ADD language text CHECK (language IN ('ar', 'en')),
  -- the version before this one says no more than a name
  ADD signer_kind text NOT NULL DEFAULT 'UNVERIFIED' CHECK (signer_kind IN ('PATIENT', 'GUARDIAN', 'UNVERIFIED')),
  ADD guardian_id uuid,
  ADD method text CHECK (method IN ('PAPER', 'TABLET', 'VERBAL_WITNESSED', 'REMOTE_LINK', 'NAFATH')),
  ADD evidence text CHECK (char_length(evidence) BETWEEN 1 AND 500),
  ADD resign_through date,
  ADD outgrown_through date,
  ADD last_day date GENERATED ALWAYS AS (least(expires_on, resign_through, outgrown_through)) STORED,
  ADD CONSTRAINT consents_guardian CHECK ((signer_kind = 'GUARDIAN') = (guardian_id IS NOT NULL)),
  ADD CONSTRAINT consents_outgrown CHECK (signer_kind <> 'PATIENT' OR outgrown_through IS NULL),
  ADD CONSTRAINT consents_wording FOREIGN KEY (tenant_id, wording_id, consent_type)
    REFERENCES consent_wordings (tenant_id, id, type),
  ADD FOREIGN KEY (tenant_id, guardian_id) REFERENCES guardians (tenant_id, id);

-- A name alone is read as a guardian's while the patient is a minor (18 years, by the Gregorian calendar): the day of
-- majority and 29 more. The worker announces whose consent has ended so.
UPDATE consents c
SET outgrown_through = minors.of_age_on + 29,
    ends_at = greatest(
      (least(c.expires_on, minors.of_age_on + 29) + 1)::timestamp AT TIME ZONE minors.zone,
      c.signed_at + interval '1 microsecond')
FROM (
  SELECT c.tenant_id, c.id, zoned.zone, b.of_age_on
  FROM consents c JOIN patients p USING (tenant_id)
  LEFT JOIN clinics k ON k.tenant_id = c.tenant_id AND k.id = c.clinic_id
  CROSS JOIN LATERAL (SELECT coalesce(
    (SELECT z.name FROM pg_timezone_names z WHERE z.name = k.timezone), '{zone}') AS zone) zoned
  CROSS JOIN LATERAL (SELECT (p.born_to + interval '18 years')::date AS day) birthday
  -- who was born on a 29 February comes of age on 1 March
  CROSS JOIN LATERAL (SELECT day + (extract(day FROM day) <> extract(day FROM p.born_to))::int AS of_age_on) b
  WHERE p.id = c.patient_id AND (c.signed_at AT TIME ZONE zoned.zone)::date < b.of_age_on
) AS minors
WHERE c.tenant_id = minors.tenant_id AND c.id = minors.id;

ALTER TABLE consents
  ADD CONSTRAINT consents_end CHECK ((last_day IS NULL) = (ends_at IS NULL));
DROP INDEX consents_clinic;
CREATE INDEX consents_clinic ON consents (tenant_id, clinic_id, last_day) WHERE last_day IS NOT NULL;
CREATE INDEX consents_type ON consents (tenant_id, consent_type, id) WHERE revoked_at IS NULL;
CREATE INDEX consents_due ON consents (tenant_id, last_day) WHERE revoked_at IS NULL AND last_day IS NOT NULL;
CREATE INDEX consents_of_guardian ON consents (tenant_id, guardian_id) WHERE guardian_id IS NOT NULL;

ALTER TABLE consent_standings
  DROP CONSTRAINT consent_standings_tenant_id_id_fkey,
  ADD patient_id uuid,
  ADD consent_type text NOT NULL DEFAULT 'TREATMENT';
UPDATE consent_standings s SET patient_id = id, due_at = CASE
  WHEN EXISTS (SELECT FROM consents c WHERE c.tenant_id = s.tenant_id AND c.patient_id = s.id
                 AND c.consent_type = 'TREATMENT' AND c.outgrown_through IS NOT NULL) THEN now()
  ELSE due_at END;
-- those of the other types are announced by the worker
INSERT INTO consent_standings (id, tenant_id, patient_id, consent_type, consented, clinic_ids, due_at)
  SELECT gen_random_uuid(), tenant_id, patient_id, consent_type, false, '{}', now()
  FROM consents WHERE consent_type <> 'TREATMENT' GROUP BY tenant_id, patient_id, consent_type;
ALTER TABLE consent_standings
  ALTER patient_id SET NOT NULL,
  ADD CONSTRAINT consent_standings_type_key UNIQUE (tenant_id, patient_id, consent_type),
  ADD CONSTRAINT consent_standings_patient FOREIGN KEY (tenant_id, patient_id) REFERENCES patients (tenant_id, id);

-- Processes of the version before run on during an upgrade. They know the standing of treatment alone, by the patient's id.
CREATE FUNCTION take_over_earlier_standing() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  NEW.patient_id = NEW.id;
  RETURN NEW;
END $$;
CREATE TRIGGER earlier_standing BEFORE INSERT ON consent_standings
  FOR EACH ROW WHEN (NEW.patient_id IS NULL) EXECUTE FUNCTION take_over_earlier_standing();
