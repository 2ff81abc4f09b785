-- What only this version knows is lost: wordings, signers, methods. It fails where there is a consent of a type that the
-- version before does not know.
DROP TRIGGER earlier_standing ON consent_standings;
DROP FUNCTION take_over_earlier_standing();
DELETE FROM consent_standings WHERE consent_type <> 'TREATMENT';
ALTER TABLE consent_standings
  DROP COLUMN patient_id,
  DROP COLUMN consent_type,
  ADD CONSTRAINT consent_standings_tenant_id_id_fkey FOREIGN KEY (tenant_id, id) REFERENCES patients (tenant_id, id);
UPDATE consent_standings SET due_at = now();

ALTER TABLE consents DROP CONSTRAINT consents_end;
UPDATE consents c
SET ends_at = greatest((c.expires_on + 1)::timestamp AT TIME ZONE coalesce(
      (SELECT z.name FROM clinics k JOIN pg_timezone_names z ON z.name = k.timezone
       WHERE k.tenant_id = c.tenant_id AND k.id = c.clinic_id), '{zone}'),
    c.signed_at + interval '1 microsecond')
WHERE c.last_day <> c.expires_on;
UPDATE consents SET ends_at = NULL WHERE expires_on IS NULL;
DROP INDEX consents_clinic;
ALTER TABLE consents
  DROP COLUMN wording_id,
  DROP COLUMN language,
  DROP COLUMN guardian_id,
  DROP COLUMN signer_kind,
  DROP COLUMN method,
  DROP COLUMN evidence,
  DROP COLUMN last_day,
  DROP COLUMN resign_through,
  DROP COLUMN outgrown_through,
  DROP CONSTRAINT consents_type,
  ADD CONSTRAINT consents_consent_type_check
    CHECK (consent_type IN ('TREATMENT', 'DATA_SHARING', 'PHOTOGRAPHY', 'RESEARCH')),
  ADD CONSTRAINT consents_check2 CHECK ((expires_on IS NULL) = (ends_at IS NULL));
DROP INDEX consents_type;
CREATE INDEX consents_clinic ON consents (tenant_id, clinic_id, expires_on) WHERE expires_on IS NOT NULL;
DROP TABLE consent_wordings, consent_types;
DROP FUNCTION keep_published();
