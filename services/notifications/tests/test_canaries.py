"""Every GET of every role is asked. No patient's contact and no message's text reaches whom it is not for."""

from jalsa.dev.canaries import seen_by_role, undeclared
from jalsa.service.policy import ROLES

from .factories import Outside, World

#: Why a message failed, in a code of ours.
HARMLESS = frozenset({"MessageAnswer.reason", "ReminderAnswer.reason"})


def test_a_patients_contact_and_what_was_written_reach_the_desk_and_nobody_else(world: World, outside: Outside) -> None:
    patient_id = world.patient(phone="+966500000942", preferred_language="en")
    booking = world.book(patient_id)
    world.dispatch()
    message = world.confirmation(booking)
    assert message["recipient"] == "+966500000942"
    world.kit.events(world.tenant)
    clients = {role: world.kit.client(world.tenant, role) for role in ROLES}
    clients["clinician"] = world.kit.client(world.tenant, "clinician", subject="layla")
    [notice, *_] = world.notices("layla")
    # whose notice it is decides who reads it, not a role
    clients["manager"] = world.kit.client(world.tenant, "manager", "clinician", subject="layla")
    ids = {
        "message_id": message["id"],
        "reminder_id": world.reminders(booking)["2H"]["id"],
        "patient_id": patient_id,
        "notice_id": notice["id"],
        "event": "MessageSent.v1",
    }
    words = {"+966500000942": (), message["body"].split("\n")[0]: ()}
    found = seen_by_role(lambda role: clients[role], ids, {}, words)
    reached = {role: set[str]().union(*paths.values()) for role, paths in found.items()}
    assert {role for role, texts in reached.items() if texts} == {"front-desk", "manager"}
    assert reached["front-desk"] == set(words)


def test_every_field_that_sounds_like_a_reason_says_who_reads_it(world: World) -> None:
    assert undeclared(world.desk.get("/openapi.json").get_json(), HARMLESS) == set()
