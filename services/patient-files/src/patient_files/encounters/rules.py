"""The rules of encounters in the field's own words. No I/O."""

import hashlib
import json
from datetime import datetime
from uuid import UUID

from jalsa.service.states import state_machine

PLANNED, ARRIVED, IN_PROGRESS, FINISHED = "PLANNED", "ARRIVED", "IN_PROGRESS", "FINISHED"
CANCELLED, ENTERED_IN_ERROR = "CANCELLED", "ENTERED_IN_ERROR"
#: Sign-off is a fact beside the state.
ENCOUNTER = state_machine(
    "encounter",
    PLANNED,
    PLANNED=f"{ARRIVED} {IN_PROGRESS} {CANCELLED} {ENTERED_IN_ERROR}",
    ARRIVED=f"{IN_PROGRESS} {CANCELLED} {ENTERED_IN_ERROR}",
    IN_PROGRESS=f"{FINISHED} {ENTERED_IN_ERROR}",
    FINISHED=ENTERED_IN_ERROR,
    CANCELLED=ENTERED_IN_ERROR,
    ENTERED_IN_ERROR="",
)
#: The states in which the patient is here.
OPEN = (ARRIVED, IN_PROGRESS)
#: What an encounter may be opened as.
OPENED_AS = (PLANNED, ARRIVED, IN_PROGRESS)

AMBULATORY = "AMB"
#: HL7's codes (ActEncounterCode) that the monolith used.
CLASSES = (AMBULATORY, "VR", "HH", "EMER", "IMP", "ACUTE", "NONAC", "OBSENC", "PRENC", "SS", "FLD")
ROUTINE = "ROUTINE"
PRIORITIES = (ROUTINE, "URGENT", "ASAP", "STAT")
MOST_BILLING_CODES = 50

FROM_APPOINTMENT, MANUAL, BACKFILL, IMPORT = "APPOINTMENT", "MANUAL", "BACKFILL", "IMPORT"
SOURCES = (FROM_APPOINTMENT, MANUAL, BACKFILL, IMPORT)
#: The type of an encounter whose appointment is of a service that is not known here.
UNKNOWN_SERVICE = "VISIT"

#: What is said of the patient's condition: who reads the rest of an encounter does not read it.
CLINICAL_FIELDS = ("chief_complaint", "reason_for_visit", "acuity_level", "quality_measures")


def text_hash(encounter_id: UUID, version: int, complaint: str | None, reason: str | None) -> str:
    """The SHA-256 of a version of the clinical text, in hexadecimal.

    The encounter and the version are hashed along, so that equal words of two patients have different hashes.
    """
    told = json.dumps([str(encounter_id), version, complaint, reason], ensure_ascii=False)
    return hashlib.sha256(told.encode()).hexdigest()


def end_of(started_at: datetime, ended_at: datetime) -> datetime:
    """When an encounter ended: not before it started, also where the clocks of two services differ."""
    return max(started_at, ended_at)
