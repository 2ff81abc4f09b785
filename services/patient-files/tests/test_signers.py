"""Who may consent for a patient on the day of signing, and until when the signature of another counts."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from jalsa.dev.kit import Client, ServiceKit
from jalsa.work.jobs import JobTools
from patient_files import jobs

Json = dict[str, Any]
Make = Callable[..., Json]
SetClock = Callable[[datetime], None]

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
#: Who was born on 30 April 2015 comes of age on 30 April 2033, and what a guardian signed counts for 30 days more.
CHILD, ADULT = {"date_of_birth": "2015-04-30"}, {"date_of_birth": "1990-04-30"}
OUTGROWN = "2033-05-29T21:00:00Z"
SIGNED = "2026-06-01T09:00:00+03:00"


@pytest.fixture
def child(desk: Client, register: Make) -> Json:
    return register(desk, **CHILD)


@pytest.fixture
def adult(desk: Client, register: Make) -> Json:
    return register(desk, **ADULT)


@pytest.fixture
def tools(kit: ServiceKit) -> JobTools:
    return JobTools(kit.database, kit.relay, kit.config)


def guardian(client: Client, patient: Json, *rights: Json) -> str:
    """Add a guardian of the patient. Returns the id."""
    body = {"relation": "MOTHER", "name_en": "Huda Nasser", "rights": list(rights)}
    answer = client.post(f"/patients/{patient['id']}/guardians", body)
    assert answer.status_code == 201, answer.json
    return str((answer.json or {})["id"])


def right(basis: str = "NATURAL_GUARDIAN", valid_from: str = "2015-04-30", valid_to: str | None = None) -> Json:
    return {"basis": basis, "valid_from": valid_from, "valid_to": valid_to}


def sign(client: Client, patient: Json, signer: Json, signed_at: str = SIGNED, **fields: Any) -> Any:
    body = {
        "patient_id": patient["id"],
        "consent_type": "TREATMENT",
        "signed_by": "Huda Nasser",
        "signed_at": signed_at,
        "signer": signer,
        **fields,
    }
    return client.post("/consents", body)


def outcome(answer: Any) -> str:
    return "stored" if answer.status_code == 201 else str((answer.json or {})["code"])


def by(guardian_id: str) -> Json:
    return {"kind": "GUARDIAN", "guardian_id": guardian_id}


PATIENT = {"kind": "PATIENT"}


def test_an_adult_signs_and_a_child_does_not(desk: Client, child: Json, adult: Json) -> None:
    signed = sign(desk, adult, PATIENT, method="TABLET", evidence="Archive 2026/117")
    assert outcome(signed) == "stored"
    answer = signed.json or {}
    assert answer["signer"] == {"kind": "PATIENT", "guardian_id": None}
    assert (answer["method"], answer["evidence"]) == ("TABLET", "Archive 2026/117")
    assert (answer["counts"], answer["counts_until"], answer["counts_reason"]) == (True, None, None)
    assert outcome(sign(desk, child, PATIENT)) == "signer-may-not-consent"


def test_a_guardian_with_a_right_signs_for_a_child_until_thirty_days_after_the_majority(
    desk: Client, child: Json
) -> None:
    mother = guardian(desk, child, right())
    signed = sign(desk, child, by(mother))
    answer = signed.json or {}
    assert answer["signer"] == by(mother)
    assert (answer["counts"], answer["counts_until"], answer["counts_reason"]) == (True, OUTGROWN, "MAJORITY")


@pytest.mark.parametrize(
    ("rights", "expected"),
    [
        ([], "signer-may-not-consent"),
        ([right(valid_from="2026-06-02")], "signer-may-not-consent"),
        ([right(valid_from="2026-06-01")], "stored"),
        ([right("DELEGATION", valid_to="2026-06-01")], "stored"),
        ([right("DELEGATION", valid_to="2026-05-31")], "signer-may-not-consent"),
        ([right("DELEGATION", valid_to="2026-05-31"), right("POWER_OF_ATTORNEY", "2026-06-01")], "stored"),
    ],
)
def test_a_guardian_signs_on_the_days_of_the_right_alone(
    desk: Client, child: Json, rights: list[Json], expected: str
) -> None:
    assert outcome(sign(desk, child, by(guardian(desk, child, *rights)))) == expected


def test_the_day_of_signing_is_the_clinics(desk: Client, child: Json, open_clinic: Callable[..., str]) -> None:
    mother = guardian(desk, child, right(valid_to="2026-06-01"))
    late = "2026-06-01T21:30:00Z"  # 23:30 in Berlin, and the next day in Riyadh
    berlin, riyadh = open_clinic(timezone="Europe/Berlin"), open_clinic(timezone="Asia/Riyadh")
    assert outcome(sign(desk, child, by(mother), late, clinic_id=berlin)) == "stored"
    assert outcome(sign(desk, child, by(mother), late, clinic_id=riyadh)) == "signer-may-not-consent"
    assert outcome(sign(desk, child, by(mother), late)) == "signer-may-not-consent"


def test_nobody_signs_as_a_guardian_of_another_patient_or_of_nobody(
    desk: Client, register: Make, child: Json, adult: Json
) -> None:
    of_another = guardian(desk, register(desk, **CHILD, first_name_en="Omar"), right())
    assert outcome(sign(desk, child, by(of_another))) == "signer-may-not-consent"
    assert outcome(sign(desk, child, by(str(uuid4())))) == "signer-may-not-consent"
    assert outcome(sign(desk, adult, by(guardian(desk, adult, right("DELEGATION"))))) == "signer-may-not-consent"


def test_a_court_order_beyond_the_majority_lets_a_guardian_sign_for_an_adult(desk: Client, adult: Json) -> None:
    brother = guardian(desk, adult, right("COURT_ORDER", "2026-01-01", "2028-12-31"))
    answer = sign(desk, adult, by(brother)).json or {}
    # the order ends with 2028, and the patient has 30 days more to sign
    assert (answer["counts_until"], answer["counts_reason"]) == ("2029-01-30T21:00:00Z", "MAJORITY")


def test_who_may_be_of_age_signs_and_so_does_the_guardian_until_that_is_certain(desk: Client, body: Json) -> None:
    birth = {"calendar": "GREGORIAN", "precision": "YEAR", "value": "2008"}
    registration = {name: value for name, value in body.items() if name not in ("date_of_birth", "national_id")}
    answer = desk.post("/patients", {**registration, "birth": birth})
    assert answer.status_code == 201, answer.json
    patient: Json = answer.json or {}
    mother = guardian(desk, patient, right(valid_from="2008-01-01"))
    assert outcome(sign(desk, patient, PATIENT)) == "stored"
    signed = sign(desk, patient, by(mother))
    assert (signed.json or {})["counts_until"] == "2027-01-29T21:00:00Z"  # of age on 31 December 2026 at the latest


def test_a_name_alone_is_read_as_a_guardians_while_the_patient_is_a_minor(
    desk: Client, child: Json, adult: Json, consent_to: Make
) -> None:
    of_child, of_adult = consent_to(desk, child), consent_to(desk, adult)
    assert of_child["signer"] == of_adult["signer"] == {"kind": "UNVERIFIED", "guardian_id": None}
    assert (of_child["counts_until"], of_child["counts_reason"]) == (OUTGROWN, "MAJORITY")
    assert of_adult["counts_until"] is None


def test_what_a_guardian_signed_is_announced_as_expired_when_it_is_outgrown(
    kit: ServiceKit, desk: Client, tenant: str, child: Json, tools: JobTools, set_clock: SetClock
) -> None:
    set_clock(NOW)
    mother = guardian(desk, child, right())
    consent = sign(desk, child, by(mother)).json or {}
    end = datetime.fromisoformat(OUTGROWN)

    for at, consented in ((end - timedelta(seconds=1), True), (end, False)):
        set_clock(at)
        while jobs.expire_consents(tools):
            pass
        assert (desk.get(f"/consents/{consent['id']}").json or {})["counts"] == consented
        assert kit.events(tenant, "ConsentStandingChanged")[-1].data["consented"] == consented
    assert kit.events(tenant, "ConsentStandingChanged")[-1].data["ended"] == [{"clinic_id": None, "reason": "expired"}]


def test_a_right_that_ends_later_does_not_end_the_consent(
    desk: Client, child: Json, tools: JobTools, set_clock: SetClock
) -> None:
    mother = guardian(desk, child, right("DELEGATION", valid_to="2026-12-31"))
    consent = sign(desk, child, by(mother)).json or {}
    set_clock(NOW.replace(year=2027))
    while jobs.expire_consents(tools):
        pass
    assert (desk.get(f"/consents/{consent['id']}").json or {})["counts"]


def test_with_a_corrected_day_of_birth_the_signatures_of_others_end_on_another_day(
    kit: ServiceKit, desk: Client, tenant: str, child: Json, consent_to: Make, tools: JobTools, set_clock: SetClock
) -> None:
    set_clock(NOW)
    mother = guardian(desk, child, right())
    signed = [sign(desk, child, by(mother)).json or {}, consent_to(desk, child, consent_type="RESEARCH")]

    def correct(day: str) -> list[str | None]:
        records, path = kit.client(tenant, "records"), f"/patients/{child['id']}"
        etag = records.get(path).headers["ETag"]
        answer = records.patch(path, {"date_of_birth": day, "reason": "A slip of the pen"}, etag)
        assert answer.status_code == 200, answer.json
        while jobs.expire_consents(tools):
            pass
        return [(desk.get(f"/consents/{each['id']}").json or {})["counts_until"] for each in signed]

    assert correct("2016-04-30") == ["2034-05-29T21:00:00Z"] * 2
    assert correct("2008-10-01") == ["2026-10-30T21:00:00Z"] * 2
    changes = [e.data["consented"] for e in kit.events(tenant, "ConsentStandingChanged")]
    assert changes == [True, False]
    # somebody who was of age on the day of signing has signed for themselves, as far as anybody knows
    assert correct("2000-10-01")[1] is None


@pytest.mark.parametrize(
    ("signer", "field"),
    [
        ({"kind": "GUARDIAN"}, "guardian_id"),
        ({"kind": "PATIENT", "guardian_id": str(uuid4())}, "guardian_id"),
        ({"kind": "UNVERIFIED"}, "kind"),
        ({"guardian_id": str(uuid4())}, "kind"),
    ],
)
def test_a_signer_is_a_patient_or_one_guardian(desk: Client, adult: Json, signer: Json, field: str) -> None:
    answer = sign(desk, adult, signer)
    assert (answer.status_code, list((answer.json or {})["errors"]["signer"])) == (422, [field])


@pytest.mark.parametrize("field", ["method", "language", "evidence"])
def test_how_it_was_signed_is_one_of_the_known_ways(desk: Client, adult: Json, field: str) -> None:
    answer = sign(desk, adult, PATIENT, **{field: "\x00"})
    assert (answer.status_code, list((answer.json or {})["errors"])) == (422, [field])
