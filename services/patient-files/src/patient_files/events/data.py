"""What the fields of the events of patient files mean."""

from typing import ClassVar

from jalsa.events.data import Data


class EventData(Data):
    """What the fields of the events' data mean, by their names; a field may have a description of its own."""

    meanings: ClassVar = {
        "patient_id": "The patient. The id stays as it was where the record is merged into another one later.",
        "file_number": "The number of the patient's main file, such as FILE-2026-000001.",
        "active": "Whether the patient can be booked.",
        "first_name_en": "The first name in Latin letters; else the one in Arabic letters, else empty.",
        "last_name_en": "The family name in Latin letters; else the one in Arabic letters, else empty.",
        "first_name_ar": "The first name in Arabic letters, or null.",
        "last_name_ar": "The family name in Arabic letters, or null.",
        "name_en": "How the patient is shown among Latin letters; a newborn by the mother, if there is no name yet.",
        "name_ar": "How the patient is shown among Arabic letters.",
        "identity_status": "KNOWN, or NEWBORN or UNKNOWN for somebody who is not identified yet.",
        "tell": "Whom to tell until majority_on: PATIENT, or CONTACTS for a minor whose guardians receive messages.",
        "preferred_language": "The language of messages to the patient: ar or en.",
        "email": "The e-mail address, or null.",
        "code": "The clinic's code, such as OT.",
        "file_id": "The patient's main file.",
        "sub_file_id": "The sub-file.",
        "sub_file_number": "The sub-file's number, such as FILE-2026-000001-OT-01.",
        "clinic": "The clinic of the sub-file.",
        "assigned_provider_id": "The provider to whom the sub-file is assigned.",
        "opened_at": "When the sub-file was opened.",
        "grant_id": "The grant.",
        "opened_by": "The login of the person who took the grant, who is told nothing of it.",
        "reason_code": "EMERGENCY, COVERAGE, SAFEGUARDING, COMPLAINT or OTHER.",
        "scope": "RECORD, ENCOUNTERS or TIMELINE.",
        "until": "When the grant ends, unless it is closed before.",
        "outcome": "JUSTIFIED, UNJUSTIFIED or UNCLEAR; null before the review.",
        "changed_at": "When the standing changed.",
        "ended": "How the last consents ended, the latest last; absent where there is none to tell of",
        "encounter_id": "The encounter. It is the id under which the monolith had it, where it came from there.",
        "encounter_number": "The encounter's number, such as ENC-AGDAR-2026-00001.",
        "provider_id": "The provider who is responsible, or null.",
        "encounter_type": "The code of what it is for: the service type, where it came from an appointment.",
        "encounter_class": "HL7's code of its setting: AMB (ambulatory), VR (virtual), HH (home) and others.",
        "started_at": "When it started: the arrival, or the planned start while it is PLANNED.",
        "ended_at": "When it ended, or null.",
        "status": "PLANNED, ARRIVED, IN_PROGRESS, FINISHED, CANCELLED or ENTERED_IN_ERROR.",
        "location": "Where it takes place, or null.",
        "room_number": "The room, or null.",
        "appointment_id": "The appointment: the id of the patient's participation in the session, or null.",
        "admission_id": "The admission in another system, or null.",
        "priority": "ROUTINE, URGENT, ASAP or STAT.",
        "documentation_complete": "Whether its documentation is complete.",
        "signed_off": "Whether it is signed off.",
        "signed_by": "The login of whoever signed it off, or null.",
        "signed_at": "When it was signed off, or null.",
        "billable": "Whether it is to be billed.",
        "billing_codes": "The codes of what is to be billed.",
        "source": "What made it: APPOINTMENT, MANUAL, BACKFILL or IMPORT.",
        "replaced_by": "The encounter into which this one was merged, or null.",
        "created_at": "When it was stored.",
        "updated_at": "When it was last changed.",
        "created_by": "The login of whoever opened it, or `system:` and what did.",
    }
