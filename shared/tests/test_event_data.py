"""A dataclass of an event's data is its schema: what the annotations say is read, refused, written and described."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, ClassVar
from uuid import UUID

import pytest
from marshmallow import ValidationError
from marshmallow.validate import Length, OneOf

from jalsa.events.contracts import EventType
from jalsa.events.data import Data, ZoneName, schema_of
from jalsa.events.json_schema import json_schema
from jalsa.service.commands import UNSET, Unset


@dataclass(frozen=True)
class Bulb:
    watts: int
    worn: bool = False


class _Told(Data):
    meanings: ClassVar = {"lamp_id": "The lamp.", "colour": "A colour."}


class _Lamp(_Told):
    lamp_id: UUID
    colour: Annotated[str, OneOf(["red", "white"])]


class LampHung(_Lamp):
    """A lamp was hung up."""

    day: date
    at: datetime
    zone: ZoneName | None
    label: Annotated[str | Unset, Length(max=5), "What is written on it."] = UNSET
    bulb: Bulb | None
    spare: Sequence[Bulb] = ()
    levels: list[int]
    tested: bool | None = None


LAMP = UUID("01a1f000-0000-7000-8000-0000000000f1")
SENT: dict[str, Any] = {
    "lamp_id": str(LAMP),
    "colour": "red",
    "day": "2026-11-20",
    "at": "2026-11-20T12:00:00+03:00",
    "zone": "Asia/Riyadh",
    "label": "hall",
    "bulb": {"watts": 7, "worn": True},
    "spare": [{"watts": 5}],
    "levels": [1, 2],
    "tested": True,
}
LEAST = {**SENT, "zone": None, "bulb": None}
del LEAST["label"], LEAST["spare"], LEAST["tested"]
HUNG = EventType("alpha", "lamp", "LampHung", LampHung)


def test_what_is_read_is_the_dataclass_and_unknown_fields_are_passed_over() -> None:
    hung = LampHung(
        lamp_id=LAMP,
        colour="red",
        day=date(2026, 11, 20),
        at=datetime(2026, 11, 20, 9, tzinfo=UTC),
        zone="Asia/Riyadh",
        label="hall",
        bulb=Bulb(7, worn=True),
        spare=[Bulb(5)],
        levels=[1, 2],
        tested=True,
    )
    assert HUNG.schema.load(SENT) == hung
    assert HUNG.schema.load({**SENT, "price": 3, "bulb": {**SENT["bulb"], "price": 3}}) == hung


def test_of_an_event_nothing_may_be_read() -> None:
    assert schema_of(Data).load(SENT) == Data()


def test_what_is_absent_has_its_default() -> None:
    hung = HUNG.schema.load(LEAST)
    assert (hung.zone, hung.label, hung.bulb, hung.spare, hung.tested) == (None, UNSET, None, (), None)


@pytest.mark.parametrize("field", sorted(LEAST))
def test_what_has_no_default_is_required(field: str) -> None:
    with pytest.raises(ValidationError) as refused:
        HUNG.schema.load({name: value for name, value in LEAST.items() if name != field})
    assert list(refused.value.messages_dict) == [field]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("lamp_id", "hall"),
        ("lamp_id", None),
        ("colour", "green"),
        ("day", "2026-W47-5"),
        ("at", "2026-11-20T12:00:00"),
        ("zone", "Asia/Nowhere"),
        ("label", "too long"),
        ("label", None),
        ("bulb", {"worn": True}),
        ("spare", [None]),
        ("levels", ["one"]),
    ],
)
def test_what_an_annotation_does_not_allow_is_refused(field: str, value: object) -> None:
    with pytest.raises(ValidationError) as refused:
        HUNG.schema.load({**SENT, field: value})
    assert list(refused.value.messages_dict) == [field]


def test_what_was_read_is_written_again_as_it_travels() -> None:
    written = HUNG.schema.dump({**SENT, "lamp_id": LAMP, "at": datetime(2026, 11, 20, 9, tzinfo=UTC), "day": date.max})
    assert written == {**SENT, "at": "2026-11-20T09:00:00Z", "day": "9999-12-31"}


def test_the_json_schema_has_the_inherited_fields_first_the_meanings_and_what_is_always_there() -> None:
    described = json_schema(HUNG)
    assert list(described["properties"])[:2] == ["lamp_id", "colour"]
    assert described["properties"]["colour"] == {
        "type": "string",
        "enum": ["red", "white"],
        "description": "A colour.",
    }
    assert described["properties"]["label"] == {
        "type": "string",
        "maxLength": 5,
        "description": "What is written on it.",
    }
    assert sorted(described["required"]) == sorted(LEAST)
    assert "additionalProperties" not in described
    assert HUNG.summary == "A lamp was hung up."


@pytest.mark.parametrize("annotation", [float, dict[str, int], int | str, None])
def test_a_type_without_a_form_is_refused(annotation: Any) -> None:
    class Odd(Data):
        odd: annotation

    with pytest.raises(TypeError, match=r"no form|one type"):
        schema_of(Odd)


def test_data_cannot_be_changed_and_shows_no_parameters_as_its_description() -> None:
    hung = HUNG.schema.load(LEAST)
    with pytest.raises(AttributeError):
        hung.colour = "white"
    assert _Lamp.__doc__ is None
