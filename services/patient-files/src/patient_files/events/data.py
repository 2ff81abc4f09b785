"""What the fields of the events of patient files mean."""

from typing import ClassVar

from jalsa.events.data import Data


class EventData(Data):
    """What the fields of the events' data mean, by their names; a field may have a description of its own."""

    meanings: ClassVar = {
        "patient_id": "The patient. The id stays as it was where the record is merged into another one later.",
        "file_number": "The number of the patient's main file, such as FILE-2026-000001.",
        "active": "Whether the patient can be booked.",
        "first_name_en": "The first name in Latin letters.",
        "last_name_en": "The last name in Latin letters.",
        "first_name_ar": "The first name in Arabic letters, or null.",
        "last_name_ar": "The last name in Arabic letters, or null.",
        "preferred_language": "The language of messages to the patient: ar or en.",
        "email": "The e-mail address, or null.",
        "code": "The clinic's code, such as OT.",
        "file_id": "The patient's main file.",
        "sub_file_id": "The sub-file.",
        "sub_file_number": "The sub-file's number, such as FILE-2026-000001-OT-01.",
        "clinic": "The clinic of the sub-file.",
        "assigned_provider_id": "The provider to whom the sub-file is assigned.",
        "opened_at": "When the sub-file was opened.",
        "changed_at": "When the standing changed.",
        "loser_id": "The patient whose record was merged into the survivor's.",
        "survivor_id": "The patient whose record stands for both.",
        "loser_file_number": "The number of the loser's main file, which the loser keeps.",
        "survivor_file_number": "The number of the survivor's main file.",
        "at": "When it was done.",
        "by": "The login of whoever did it.",
        "ended": "How the last consents ended, the latest last; absent where there is none to tell of",
    }
