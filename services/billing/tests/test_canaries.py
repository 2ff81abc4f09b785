"""Every GET of every role is asked. No word from a field that is not for everybody reaches whom it is not for."""

import secrets

from jalsa.dev.canaries import seen_by_role, undeclared
from jalsa.service.policy import ROLES

from .factories import Office, answer


def test_each_word_reaches_who_may_read_it_and_nobody_else(office: Office) -> None:
    grant, void = (f"canary{secrets.token_hex(6)}" for _ in range(2))
    appointment, invoice = office.book_and_issue()
    cleared = office.biller.post(f"/clearance/{appointment.id}", {"reason": grant})
    shown = answer(cleared)
    assert (shown["reason"], shown["withheld"], shown["manual"]) == (None, ["reason"], True), "not for the biller"
    answer(office.biller.post(f"/invoices/{invoice['id']}/void", {"reason": void}))
    ids = {
        "price_id": answer(office.biller.get("/prices"))["items"][0]["id"],
        "invoice_id": invoice["id"],
        "appointment_id": appointment.id,
        "package_id": office.create_package().id,
        "event": "InvoiceIssued.v1",
    }
    office.kit.events(office.tenant)
    clients = {role: office.kit.client(office.tenant, role) for role in ROLES}
    found = seen_by_role(lambda role: clients[role], ids, {}, {grant: (), void: ()})
    reached = {role: set[str]().union(*paths.values()) for role, paths in found.items()}
    assert {role: words for role, words in reached.items() if words} == {
        "manager": {grant, void},
        "front-desk": {grant, void},
        "biller": {void},
    }


def test_a_clearances_code_is_for_everybody_who_reads_clearances(office: Office) -> None:
    appointment, _ = office.book_and_issue()
    for role in ("biller", "integration", "front-desk", "manager"):
        shown = answer(office.kit.client(office.tenant, role).get(f"/clearance/{appointment.id}"))
        assert (shown["reason"], shown["withheld"]) == ("payment-due", []), role


def test_every_field_that_sounds_like_a_reason_says_who_reads_it(office: Office) -> None:
    assert undeclared(answer(office.biller.get("/openapi.json")), frozenset()) == set()
