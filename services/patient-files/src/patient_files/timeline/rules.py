"""The rules of the timeline in the field's own words. No I/O."""

ADMIN, CLINICAL, NOTE, BILLING = "ADMIN", "CLINICAL", "NOTE", "BILLING"
CLASSES = (ADMIN, CLINICAL, NOTE, BILLING)

#: What an entry may tell of, and the class of its readers.
VISIBILITY = {
    "APPOINTMENT_BOOKED": ADMIN,
    "APPOINTMENT_CONFIRMED": ADMIN,
    "APPOINTMENT_RESCHEDULED": ADMIN,
    "APPOINTMENT_ARRIVED": ADMIN,
    "APPOINTMENT_ATTENDED": ADMIN,
    "APPOINTMENT_NO_SHOW": ADMIN,
    "APPOINTMENT_CANCELLED": ADMIN,
    "APPOINTMENT_CORRECTED": ADMIN,
    "ENCOUNTER_OPENED": CLINICAL,
    "ENCOUNTER_CLOSED": CLINICAL,
    "ENCOUNTER_CANCELLED": CLINICAL,
    "ENCOUNTER_SIGNED_OFF": CLINICAL,
    "ENCOUNTER_ENTERED_IN_ERROR": CLINICAL,
    "NOTE_SIGNED": NOTE,
    "INVOICE_ISSUED": BILLING,
    "INVOICE_PAID": BILLING,
    "INVOICE_VOIDED": BILLING,
}
KINDS = tuple(VISIBILITY)

APPOINTMENT_REF, ENCOUNTER_REF, NOTE_REF, INVOICE_REF = "appointment", "encounter", "note", "invoice"
REF_KINDS = (APPOINTMENT_REF, ENCOUNTER_REF, NOTE_REF, INVOICE_REF)

#: What a clinician reads besides of a patient whom he or she treats, or under a grant.
CLASSES_OF_TREATMENT = frozenset({CLINICAL, NOTE})
#: The classes that each role reads of everybody.
CLASSES_OF_ROLE = {
    "front-desk": {ADMIN, BILLING},
    "clinician": {ADMIN},
    "records": {ADMIN, CLINICAL, NOTE},
    "manager": {ADMIN, CLINICAL, NOTE, BILLING},
    "integration": {ADMIN, CLINICAL, BILLING},
}
