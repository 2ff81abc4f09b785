"""A package through HTTP, from its booking on."""

from sqlalchemy import event

from .factories import Desk, ok


def test_a_package_is_booked_in_one_step_and_each_session_has_its_appointment(desk: Desk) -> None:
    package = desk.create_package()
    assert (package["status"], package["scheduled_sessions_count"], package["progress_percentage"]) == (
        "SCHEDULED",
        4,
        0,
    )
    assert ok(desk.centre.get(f"/packages/{package['id']}")) == package
    for session in package["sessions"]:
        participant = desk.participant(session["appointment_id"])
        assert participant["appointment_number"] == session["appointment_number"]
        assert participant["patient_id"] == package["patient_id"]
        assert participant["session"]["starts_at"] == session["starts_at"]


def test_a_package_is_read_with_as_many_statements_however_long_it_is(desk: Desk) -> None:
    engine = desk.centre.kit.database.engine
    statements: list[int] = []

    def note(*_: object) -> None:
        statements[-1] += 1

    paths = [f"/packages/{desk.create_package(total_sessions=n)['id']}" for n in (2, 12)]
    event.listen(engine, "before_cursor_execute", note)
    for path in paths:
        statements.append(0)
        ok(desk.centre.get(path))
    event.remove(engine, "before_cursor_execute", note)
    short, long = statements
    assert short == long > 0
