"""What holds where a tenant has set no rules of its own."""

GREGORIAN, HIJRI = "GREGORIAN", "HIJRI"
#: An appointment makes its provider a treating one from so many days before it begins until so many days after. Saudi
#: law counts 18 years until majority, and a centre says by which calendar. For so many days from then on the patient
#: has time to sign what a guardian has signed.
DEFAULTS: dict[str, int | str] = {
    "treating_days_after": 90,
    "treating_days_before": 30,
    "sign_off_needs_documentation": False,
    "known_signer_required": False,
    "days_after_majority": 30,
    "age_of_majority": 18,
    "majority_calendar": GREGORIAN,
}
MAX_DAYS_AFTER_MAJORITY = 365
AGES_OF_MAJORITY = (15, 25)
MAX_DAYS = 3650
