"""A booking takes few statements. This is where bookings per second are won or lost."""

from collections.abc import Iterator

import pytest
from sqlalchemy import event

from .factories import Desk, created


@pytest.fixture
def statements(desk: Desk) -> Iterator[list[str]]:
    """Every statement that the service sends to its database from now on."""
    engine, sent = desk.centre.kit.database.engine, list[str]()

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(" ".join(statement.split())[:90])

    event.listen(engine, "before_cursor_execute", note)
    yield sent
    event.remove(engine, "before_cursor_execute", note)


def test_a_booking_takes_six_statements(desk: Desk, statements: list[str]) -> None:
    """Tenant, facts under their locks, session, participant, why there is no consent, and the event."""
    session, patient = desk.create_session(), desk.centre.create_patient()
    body = {"patient_id": patient}
    statements.clear()
    created(desk.centre.post(f"/sessions/{session['id']}/participants", body))
    assert len(statements) <= 6, statements
