"""The rules of files in the field's own words. No I/O."""

from jalsa.service.states import state_machine
from patient_files.domain import ACTIVE, CLOSED

SUB_FILE = state_machine("sub-file", ACTIVE, ACTIVE=CLOSED, CLOSED=ACTIVE)

#: Why a sub-file has changed: it was closed or reopened by hand, a booking has reopened it, it has another provider.
BY_CLOSING, BY_REOPENING, BY_BOOKING, BY_REASSIGNMENT = "CLOSED", "REOPENED", "BOOKED", "REASSIGNED"

#: The states of an appointment that may still take place.
LIVE_APPOINTMENT = ("BOOKED", "CONFIRMED", "ARRIVED")


def sub_file_number(main_file: str, clinic_code: str, running: int) -> str:
    """`FILE-2026-000001-OT-01`; the running number is the main file's, over all its clinics."""
    return f"{main_file}-{clinic_code}-{running:02d}"
