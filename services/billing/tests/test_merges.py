"""Merged patients: their invoices are found under the survivor, and go back when the merge is undone."""

from uuid import UUID

from jalsa.service.ids import new_id

from .factories import Office


def charged(office: Office, patient: UUID) -> list[tuple[str, str]]:
    """The invoices of a patient: for which appointment, and of which patient they say they are."""
    return [(each["appointment_id"], each["patient_id"]) for each in office.invoices(patient_id=str(patient))]


def test_invoices_of_both_are_found_under_either_id_and_keep_the_patient_of_their_booking(office: Office) -> None:
    loser, survivor = new_id(), new_id()
    booked = [(str(office.book(patient_id=patient).id), str(patient)) for patient in (loser, survivor)]
    office.book(patient_id=new_id())
    office.merge(loser, survivor)
    assert charged(office, loser) == charged(office, survivor) == booked
    later = str(office.book(patient_id=survivor).id), str(survivor)
    assert charged(office, loser) == [*booked, later]
    office.unmerge(loser, survivor)
    assert (charged(office, loser), charged(office, survivor)) == (booked[:1], [booked[1], later])


def test_a_chain_of_merges_is_followed_to_its_end_in_whatever_order_it_arrives(office: Office) -> None:
    first, second, third = (new_id() for _ in range(3))
    booked = [str(office.book(patient_id=patient).id) for patient in (first, second, third)]
    office.merge(second, third)
    office.merge(first, second)
    for patient in (first, second, third):
        assert [appointment for appointment, _ in charged(office, patient)] == booked
    office.unmerge(second, third)
    assert [appointment for appointment, _ in charged(office, first)] == booked[:2]
    assert [appointment for appointment, _ in charged(office, third)] == booked[2:]
