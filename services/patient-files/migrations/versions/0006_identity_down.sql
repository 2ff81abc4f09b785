-- What only this version knows is lost: further telephones and identifiers, guardians, alerts. It fails where a patient
-- has no English name or no full date of birth, which the version before cannot show.
DROP TRIGGER earlier_birth ON patients;
DROP TRIGGER earlier_contacts ON patients;
DROP TRIGGER earlier_phone ON patients;
DROP FUNCTION take_over_earlier_birth(), take_over_earlier_contacts();
-- two patients may have exchanged a number meanwhile
UPDATE patients SET national_id = NULL;
UPDATE patients p SET
  phone = (SELECT number FROM phones f WHERE f.tenant_id = p.tenant_id AND f.patient_id = p.id AND position = 1),
  date_of_birth = CASE WHEN birth_precision = 'DAY' THEN born_from END,
  national_id = (
    SELECT value FROM identifiers i WHERE i.tenant_id = p.tenant_id AND i.patient_id = p.id AND ended_at IS NULL
    ORDER BY array_position(ARRAY['NAT', 'IQAMA', 'GCC', 'BORDER', 'PASSPORT', 'OTHER'], type), created_at, id LIMIT 1);
DROP TABLE alerts, consent_rights, guardians, identities_due, identifiers, phones;
DROP FUNCTION earlier_identifier(text), has_luhn_digit(text);
ALTER TABLE patients
  DROP father_name_en, DROP grandfather_name_en, DROP father_name_ar, DROP grandfather_name_ar,
  DROP identity_status CASCADE, DROP mother_patient_id, DROP mother_name_en, DROP mother_name_ar, DROP birth_order,
  DROP nationality, DROP birth_calendar, DROP birth_precision, DROP birth_value, DROP born_from, DROP born_to,
  DROP deceased_on, DROP tell, DROP restricted, DROP change_reason,
  ALTER first_name_en SET NOT NULL,
  ALTER last_name_en SET NOT NULL,
  ALTER date_of_birth SET NOT NULL,
  ADD CONSTRAINT patients_sex_check CHECK (sex IN ('M', 'F'));
