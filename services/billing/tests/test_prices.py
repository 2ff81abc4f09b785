"""The price list over HTTP, and which price an appointment gets."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from billing.models import Price
from jalsa.service.ids import new_id

from .factories import CLINIC, Office, answer, code_of, price, sar


def test_a_price_is_stored_and_read_back_with_its_etag(office: Office) -> None:
    made = answer(office.biller.post("/prices", price(amount="300.00", clinic_id=str(CLINIC))), 201)
    assert made | {"amount": "300.00", "currency": "SAR", "vat_category": "S", "clinic_id": str(CLINIC)} == made
    read = office.biller.get(f"/prices/{made['id']}")
    assert answer(read) == made
    again = office.biller.call("GET", f"/prices/{made['id']}", headers={"If-None-Match": read.headers["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize(
    ("given", "shown"),
    [("0", "0.00"), (0, "0.00"), (300, "300.00"), (300.5, "300.50"), ("999999999.99", "999999999.99")],
)
def test_an_amount_may_be_a_string_or_a_number_and_is_shown_with_two_decimals(
    office: Office, given: Any, shown: str
) -> None:
    assert office.set_price(given)["amount"] == shown


def test_prices_are_listed_by_page_and_by_service_and_clinic(office: Office) -> None:
    general = [office.set_price(str(n))["id"] for n in range(3)]
    own = office.set_price("9", clinic_id=str(CLINIC))["id"]
    office.set_price("7", service_type="SLP-30")
    first = answer(office.biller.get("/prices", limit=2, service_type="OT-GROUP"))
    rest = answer(office.biller.get("/prices", limit=2, service_type="OT-GROUP", cursor=first["next_cursor"]))
    assert [p["id"] for p in first["items"] + rest["items"]] == [*general, own]
    assert rest["next_cursor"] is None
    assert [p["id"] for p in answer(office.biller.get("/prices", clinic_id=str(CLINIC)))["items"]] == [own]


_BAD: dict[str, list[Any]] = {
    "amount": [
        *("-1", "1.234", "abc", "", " 1", "NaN", "Infinity", "1e3", "٣٠٠", "1234567890"),
        *(None, True, 0.1 + 0.2, 1e20, [], {"amount": "1", "currency": "SAR"}),
    ],
    "currency": ["sar", "XYZ", "KWD", "SAR\n", "", 682, None],
    "vat_category": ["O", "s", "", None, 15],
    "service_type": ["ot-60", "OT 60", "A" * 500, "OT\u0000", "\u202eOT", "", None, 5],
    "clinic_id": ["OT", 5, []],
    "surprise": ["field"],
}


@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in _BAD.items() for value in values])
def test_a_price_with_a_bad_field_is_refused_and_changes_nothing(office: Office, field: str, value: Any) -> None:
    refused = office.biller.post("/prices", price(**{field: value}))
    assert code_of(refused, 422) == "validation-error"
    assert list(answer(refused, 422)["errors"]) == [field]
    assert office.kit.count(office.tenant, Price) == 0


@pytest.mark.parametrize("missing", ["service_type", "amount", "vat_category"])
def test_a_price_without_a_needed_field_is_refused(office: Office, missing: str) -> None:
    body = {name: value for name, value in price().items() if name != missing}
    assert list(answer(office.biller.post("/prices", body), 422)["errors"]) == [missing]


@pytest.mark.parametrize(
    ("data", "content_type", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"amount": "\xff"}', "application/json", 400),
        (b"[]", "application/json", 422),
        (b"amount=1", "application/x-www-form-urlencoded", 415),
        (b" " * (2 << 20), "application/json", 413),
    ],
)
def test_a_body_that_is_no_price_at_all_gets_a_problem_document(
    office: Office, data: bytes, content_type: str, status: int
) -> None:
    refused = office.biller.call("POST", "/prices", data=data, content_type=content_type)
    assert refused.status_code == status
    assert refused.content_type == "application/problem+json"
    assert office.kit.count(office.tenant, Price) == 0


def test_an_unknown_price_is_not_found(office: Office) -> None:
    assert code_of(office.biller.get(f"/prices/{new_id()}"), 404) == "not-found"


def test_a_foreign_cursor_is_refused(office: Office) -> None:
    assert code_of(office.biller.get("/prices", cursor="nonsense"), 422) == "validation-error"


def test_a_clinics_own_price_goes_before_a_newer_general_one(office: Office) -> None:
    office.set_price("200", clinic_id=str(CLINIC), vat_category="Z")
    office.set_price("100", vat_category="Z")
    office.set_price("50", clinic_id=str(new_id()), vat_category="Z")
    assert office.invoice(office.book())["total"] == sar("200.00")


def test_the_newest_price_is_the_valid_one_and_leaves_issued_invoices_alone(office: Office) -> None:
    office.set_price("100", vat_category="E")
    earlier = office.book()
    office.set_price("120", vat_category="E")
    assert office.invoice(office.book())["total"] == sar("120.00")
    assert office.invoice(earlier)["total"] == sar("100.00")


def test_a_price_of_another_service_or_clinic_does_not_fit(office: Office) -> None:
    office.set_price(service_type="OT-60")
    office.set_price(clinic_id=str(new_id()))
    assert office.invoice(office.book())["status"] == "DRAFT"


@pytest.mark.parametrize("table", ["prices", "payments", "invoice_lines"])
@pytest.mark.parametrize("change", ["UPDATE {} SET tenant_id = tenant_id", "DELETE FROM {}"])
def test_the_application_can_not_rewrite_what_was_charged(office: Office, table: str, change: str) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), office.kit.transaction(office.tenant) as db:
        db.execute(text(change.format(table)))


def test_the_openapi_document_shows_an_amount_as_a_string(office: Office) -> None:
    document = answer(office.biller.get("/openapi.json"))
    for schema in ("PriceBody", "PriceAnswer", "PaymentBody"):
        assert document["components"]["schemas"][schema]["properties"]["amount"]["type"] == "string"
