"""The appointments of a package have an invoice each, are found together, and have a sum."""

import secrets
from collections import Counter
from decimal import Decimal
from itertools import permutations
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from billing import domain
from billing.models import PackageProjection
from jalsa.dev.kit import ServiceKit
from jalsa.service.ids import new_id

from .factories import SERVICE_TYPE, Appointment, Office, Package, answer, code_of, sar

NOTHING: dict[str, int] = dict.fromkeys(domain.INVOICE.states, 0)


def test_each_appointment_of_a_package_has_an_invoice_of_its_own_that_names_its_session(office: Office) -> None:
    office.set_price("300.00")
    package = office.create_package(number="PKG-20261120-0007", total_sessions=20)
    invoices = [office.invoice(office.book(package=package.session(n))) for n in (1, 3)]
    assert [invoice["package"] for invoice in invoices] == [
        {"id": str(package.id), "number": "PKG-20261120-0007", "session_number": n, "total_sessions": 20}
        for n in (1, 3)
    ]
    assert [line["description"] for invoice in invoices for line in invoice["lines"]] == [
        f"{SERVICE_TYPE}, session 1 of 20",
        f"{SERVICE_TYPE}, session 3 of 20",
    ]
    assert [(invoice["status"], invoice["total"]) for invoice in invoices] == [("ISSUED", sar("345.00"))] * 2


def test_an_appointment_of_no_package_says_so(office: Office) -> None:
    _, invoice = office.book_and_issue()
    assert invoice["package"] is None
    assert invoice["lines"][0]["description"] == SERVICE_TYPE


def test_a_draft_keeps_its_package_until_it_is_issued(office: Office) -> None:
    package = office.create_package()
    appointment = office.book(package=package.session(2))
    draft = office.invoice(appointment)
    office.set_price()
    issued = office.invoice(appointment)
    assert (draft["status"], issued["status"]) == ("DRAFT", "ISSUED")
    assert issued["package"] == draft["package"]
    assert issued["lines"][0]["description"] == f"{SERVICE_TYPE}, session 2 of 3"


def test_a_move_leaves_the_package_as_it_was_booked(office: Office) -> None:
    office.set_price()
    package = office.create_package()
    appointment = office.book(package=package.session(2))
    invoice = office.invoice(appointment)
    office.kit.inbox.receive(appointment.rescheduled(package=package.session(2)))
    assert office.invoice(appointment) == invoice


def test_invoices_are_found_by_package_number(office: Office) -> None:
    one, other = office.create_package(), office.create_package(number="PKG-20261120-10000")
    booked = [str(office.book(package=one.session(n)).id) for n in (1, 2, 3)]
    office.book(package=other.session(1))
    office.book()

    def found(number: str) -> list[str]:
        return [invoice["appointment_id"] for invoice in office.invoices(package_number=number)]

    assert found(one.number) == booked
    assert len(found(other.number)) == 1
    assert found("PKG-20261120-0009") == []


@pytest.mark.parametrize("number", ["", "20261120-0001", "pkg-20261120-0001", "PKG-20261120-0001\n1", "PKG-1-1", "%00"])
def test_what_is_not_the_number_of_a_package_is_refused(office: Office, number: str) -> None:
    refused = office.biller.get("/invoices", package_number=number)
    assert list(answer(refused, 422)["errors"]) == ["package_number"]


def test_the_balance_of_a_package_adds_up_all_but_what_is_void(office: Office) -> None:
    office.set_price("300.00")
    package = office.create_package(total_sessions=6)
    paid, part, void, _ = (office.book(package=package.session(n)) for n in (1, 2, 3, 4))
    office.book()  # of no package
    answer(office.pay(office.invoice(paid), "345.00"), 201)
    answer(office.pay(office.invoice(part), "45.10"), 201)
    office.cancel(void)
    office.book(package=package.session(5), clinic={"id": new_id()}, session=_of_a_service_without_price())
    assert office.package_balance(package) == {
        "package_id": str(package.id),
        "package_number": package.number,
        "patient_id": package.created().data["patient_id"],
        "service_type": "OT-60",
        "total_sessions": 6,
        "status": "OPEN",
        "invoices": {"DRAFT": 1, "ISSUED": 1, "PARTIALLY_PAID": 1, "PAID": 1, "VOID": 1},
        "amounts": [
            {
                "currency": "SAR",
                "net": sar("900.00"),
                "vat": sar("135.00"),
                "total": sar("1035.00"),
                "paid": sar("390.10"),
                "balance": sar("644.90"),
            }
        ],
    }


def _of_a_service_without_price() -> dict[str, Any]:
    return {"service_type": "OT-UNPRICED", "timezone": "Asia/Riyadh"}


def test_several_currencies_are_never_added_up(office: Office) -> None:
    package = office.create_package()
    for n, (amount, currency) in enumerate([("300.00", "SAR"), ("80.00", "USD"), ("100.00", "SAR")], 1):
        office.set_price(amount, currency=currency, vat_category="Z")
        office.book(package=package.session(n))
    balance = office.package_balance(package)
    assert [(sums["currency"], sums["total"]) for sums in balance["amounts"]] == [
        ("SAR", sar("400.00")),
        ("USD", {"amount": "80.00", "currency": "USD"}),
    ]
    assert balance["invoices"] == {**NOTHING, "ISSUED": 3}


def test_a_package_whose_invoices_are_all_void_comes_to_nothing(office: Office) -> None:
    office.set_price("300.00")
    package = office.create_package()
    office.cancel(office.book(package=package.session(1)))
    balance = office.package_balance(package)
    assert balance["invoices"] == {**NOTHING, "VOID": 1}
    assert [sums["total"] for sums in balance["amounts"]] == [sar("0.00")]


def test_a_package_without_appointments_has_nothing_to_add_up(office: Office) -> None:
    balance = office.package_balance(office.create_package())
    assert (balance["invoices"], balance["amounts"]) == (NOTHING, [])


_sessions = st.tuples(
    st.decimals(min_value=Decimal("0.01"), max_value=Decimal("800000000.00"), places=2),
    st.sampled_from("SZE"),
    st.sampled_from(["leave", "part", "pay", "void"]),
)


@settings(max_examples=12, deadline=None)
@given(st.lists(_sessions, min_size=1, max_size=6))
def test_the_balance_of_a_package_is_exact_to_the_halala(
    kit: ServiceKit, sessions: list[tuple[Decimal, str, str]]
) -> None:
    office = Office(kit, f"t{secrets.token_hex(6)}")
    package = office.create_package(total_sessions=100)
    charged: Counter[str] = Counter()
    for n, (price, category, fate) in enumerate(sessions, 1):
        net = int(price * 100)
        vat = (net * (15 if category == "S" else 0) + 50) // 100
        paid = {"part": (net + vat) // 3, "pay": net + vat}.get(fate, 0)
        office.set_price(f"{price:.2f}", vat_category=category)
        appointment = office.book(package=package.session(n))
        if fate == "void":
            office.cancel(appointment)
            continue
        if paid:
            answer(office.pay(office.invoice(appointment), f"{Decimal(paid) / 100:.2f}"), 201)
        charged.update(net=net, vat=vat, total=net + vat, paid=paid, balance=net + vat - paid)
    [sums] = office.package_balance(package)["amounts"]
    halalas = {name: Decimal(sums[name]["amount"]) * 100 for name in ("net", "vat", "total", "paid", "balance")}
    assert halalas == {name: charged[name] for name in halalas}


@pytest.mark.parametrize("order", list(permutations(range(4))), ids=str)
def test_a_package_and_its_appointment_may_become_known_in_any_order(office: Office, order: tuple[int, ...]) -> None:
    office.set_price("300.00")
    package, appointment = Package(office.tenant), Appointment(office.tenant)
    story = [
        package.created(),
        package.cancelled(),
        appointment.booked(package=package.session(1)),
        appointment.cancelled(),
    ]
    for n in order:
        office.kit.inbox.receive(story[n])
    balance = office.package_balance(package)
    assert (balance["status"], balance["invoices"]) == ("CANCELLED", {**NOTHING, "VOID": 1})
    assert office.invoice(appointment)["package"]["id"] == str(package.id)


def test_the_end_of_a_package_makes_nothing_void_by_itself(office: Office) -> None:
    office.set_price("300.00")
    cancelled, completed = office.create_package(), office.create_package(number="PKG-20261120-0002")
    kept = [office.book(package=package.session(1)) for package in (cancelled, completed)]
    before = [office.invoice(appointment) for appointment in kept]
    office.kit.inbox.receive(cancelled.cancelled())
    office.kit.inbox.receive(completed.completed())
    assert [office.invoice(appointment) for appointment in kept] == before
    ends = [office.package_balance(package)["status"] for package in (cancelled, completed)]
    assert ends == ["CANCELLED", "COMPLETED"]
    office.kit.inbox.receive(completed.reopened())
    assert office.package_balance(completed)["status"] == "OPEN"


def test_an_appointment_is_invoiced_before_its_package_is_known(office: Office) -> None:
    office.set_price("300.00")
    package = Package(office.tenant)
    office.book(package=package.session(1))
    assert len(office.invoices(package_number=package.number)) == 1
    assert code_of(office.biller.get(f"/packages/{package.id}/balance"), 404) == "not-found"
    office.kit.inbox.receive(package.created())
    assert office.package_balance(package)["invoices"] == {**NOTHING, "ISSUED": 1}


def test_an_unknown_package_has_no_balance(office: Office) -> None:
    assert code_of(office.biller.get(f"/packages/{new_id()}/balance"), 404) == "not-found"


def test_another_tenant_finds_neither_the_package_nor_its_invoices(office: Office, kit: ServiceKit) -> None:
    package = office.create_package()
    office.book(package=package.session(1))
    stranger = Office(kit, f"x{office.tenant}")
    assert code_of(stranger.biller.get(f"/packages/{package.id}/balance"), 404) == "not-found"
    assert stranger.invoices(package_number=package.number) == []
    assert (kit.count(office.tenant, PackageProjection), kit.count(stranger.tenant, PackageProjection)) == (1, 0)


def test_tenants_may_have_packages_of_the_same_number_and_id(office: Office, kit: ServiceKit) -> None:
    package = office.create_package()
    neighbour = Office(kit, f"x{office.tenant}")
    theirs = neighbour.create_package(id=package.id)
    office.book(package=package.session(1))
    assert neighbour.package_balance(theirs)["invoices"] == NOTHING


def test_balances_and_invoices_are_as_the_openapi_document_describes_them(office: Office) -> None:
    office.set_price("300.00")
    package = office.create_package()
    office.book(package=package.session(1))
    office.book()
    document = answer(office.biller.get("/openapi.json"))
    for path, described in (
        (f"/packages/{package.id}/balance", "/v1/packages/{package_id}/balance"),
        ("/invoices", "/v1/invoices"),
    ):
        content = document["paths"][described]["get"]["responses"]["200"]["content"]["application/json"]
        schema = {**content["schema"], "components": document["components"]}
        jsonschema.validate(answer(office.biller.get(path)), schema)
    balance = office.package_balance(package)
    assert set(balance) == set(document["components"]["schemas"]["PackageBalanceAnswer"]["properties"])


def test_an_unchanged_balance_is_not_sent_again(office: Office) -> None:
    path = f"/packages/{office.create_package().id}/balance"
    etag = office.biller.get(path).headers["ETag"]
    assert office.biller.call("GET", path, headers={"If-None-Match": etag}).status_code == 304
