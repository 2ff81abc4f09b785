"""What patient files do when another service announces something."""

from sqlalchemy.orm import Session

from jalsa.events.inbox import Handler, Received
from jalsa.service import clock
from patient_files.consents.operations import ends
from patient_files.events.streams import (
    AppointmentArrived,
    AppointmentAttended,
    AppointmentChanged,
    AppointmentCorrected,
    AppointmentPlaced,
    ClinicSaved,
    InvoiceChanged,
    InvoiceIssued,
    NoteSaid,
    ProviderSaved,
)
from patient_files.files import operations as files
from patient_files.files.commands import BookSubFile
from patient_files.projections import operations as projections
from patient_files.use_cases import visits


def on_clinic_saved(db: Session, event: Received[ClinicSaved]) -> None:
    """A clinic was opened or changed, perhaps its zone, by which its consents end."""
    now = clock.database_now(db)
    projections.save_clinic(db, event.data)
    ends.reckon_ends(db, event.data.clinic_id, event.data.timezone, now=now)


def on_provider_saved(db: Session, event: Received[ProviderSaved]) -> None:
    """A provider was registered or changed."""
    projections.save_provider(db, event.data)


def on_appointment_placed(db: Session, event: Received[AppointmentPlaced]) -> None:
    """A patient has an appointment in a clinic, or one that was moved there, and so a sub-file there.

    The sub-file of a patient who is not known here yet is opened with the patient's main file.
    """
    placed = event.data
    command = BookSubFile(
        appointment_id=placed.appointment_id,
        appointment_number=placed.appointment_number,
        patient_id=placed.patient_id,
        clinic_id=placed.clinic.id,
        clinic_code=placed.clinic.code,
        provider_id=placed.provider.id,
    )
    files.book_sub_file(db, command, now=clock.database_now(db))
    projections.save_appointment(db, placed)


def on_appointment_booked(db: Session, event: Received[AppointmentPlaced]) -> None:
    """A patient has an appointment."""
    on_appointment_placed(db, event)
    visits.booked(db, event.data, event.time)


def on_appointment_rescheduled(db: Session, event: Received[AppointmentPlaced]) -> None:
    """An appointment was moved."""
    on_appointment_placed(db, event)
    visits.rescheduled(db, event.data, event.time)


def on_appointment_confirmed(db: Session, event: Received[AppointmentChanged]) -> None:
    """A patient has confirmed to come."""
    visits.confirmed(db, event.data.appointment_id, event.time)


def on_appointment_arrived(db: Session, event: Received[AppointmentArrived]) -> None:
    """A patient is there."""
    visits.arrived(db, event.data, event.time, now=clock.database_now(db))


def on_appointment_attended(db: Session, event: Received[AppointmentAttended]) -> None:
    """A patient took part."""
    visits.attended(db, event.data, event.time, now=clock.database_now(db))
    projections.keep_last_visit(db, event.data.appointment_id)


def on_appointment_no_show(db: Session, event: Received[AppointmentChanged]) -> None:
    """A patient did not come."""
    visits.given_up(db, event.data.appointment_id, "NO_SHOW", event.time, now=clock.database_now(db))


def on_appointment_cancelled(db: Session, event: Received[AppointmentChanged]) -> None:
    """An appointment was given up."""
    visits.given_up(db, event.data.appointment_id, "CANCELLED", event.time, now=clock.database_now(db))


def on_appointment_corrected(db: Session, event: Received[AppointmentCorrected]) -> None:
    """What was said of an appointment's outcome was a slip, and is taken back."""
    visits.corrected(db, event.data, event.time, now=clock.database_now(db))
    projections.reckon_last_visit(db, event.data.appointment_id)


def on_note_said(db: Session, event: Received[NoteSaid]) -> None:
    """A note was signed, cosigned or amended, or taken back."""
    visits.note_said(db, event.data, event.time, now=clock.database_now(db))


def on_invoice_issued(db: Session, event: Received[InvoiceIssued]) -> None:
    """A patient has an invoice."""
    visits.invoice_issued(db, event.data, event.time)


def on_invoice_paid(db: Session, event: Received[InvoiceChanged]) -> None:
    """An invoice was paid in full."""
    visits.invoice_changed(db, event.data.invoice_id, "INVOICE_PAID", event.time)


def on_invoice_voided(db: Session, event: Received[InvoiceChanged]) -> None:
    """An invoice was made void."""
    visits.invoice_changed(db, event.data.invoice_id, "INVOICE_VOIDED", event.time)


HANDLERS: dict[str, Handler] = {
    "scheduling.ClinicSaved.v1": on_clinic_saved,
    "scheduling.ProviderSaved.v1": on_provider_saved,
    "scheduling.AppointmentBooked.v1": on_appointment_booked,
    "scheduling.AppointmentConfirmed.v1": on_appointment_confirmed,
    "scheduling.AppointmentRescheduled.v1": on_appointment_rescheduled,
    "scheduling.AppointmentArrived.v1": on_appointment_arrived,
    "scheduling.AppointmentAttended.v1": on_appointment_attended,
    "scheduling.AppointmentNoShow.v1": on_appointment_no_show,
    "scheduling.AppointmentCancelled.v1": on_appointment_cancelled,
    "scheduling.AppointmentCorrected.v1": on_appointment_corrected,
    "clinical-notes.NoteSigned.v1": on_note_said,
    "billing.InvoiceIssued.v1": on_invoice_issued,
    "billing.InvoicePaid.v1": on_invoice_paid,
    "billing.InvoiceVoided.v1": on_invoice_voided,
}
