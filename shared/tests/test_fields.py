"""What fields and pages take in is clean, whatever was sent."""

import unicodedata
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from marshmallow import ValidationError

from jalsa.http.fields import Day, DayOrInstant, FreeText, Instant, Login, Name, PlaceZone, PlainDate, Words, Zone, code
from jalsa.http.paging import decode_cursor, decode_id_cursor, encode_cursor, page
from jalsa.service import states, zones
from jalsa.service.characters import clean_value
from jalsa.service.errors import InvalidField, NoSuchMove
from jalsa.service.ids import new_id
from jalsa.service.problems import COMMON


def loaded(field: Any, value: Any) -> Any:
    """What a field makes of a value, or None where it refuses it."""
    try:
        return field.deserialize(value)
    except ValidationError:
        return None


anything = st.none() | st.booleans() | st.integers() | st.floats() | st.lists(st.text()) | st.text()


@given(anything)
@example("a\u2028b")
@example("\u202egnirts")
@example("a\ud800")
@example("\u200d a\u200c \u200cb\u200d\n")
@example("e\u200b\u0301")
def test_a_name_is_one_visible_line_in_composed_form(value: Any) -> None:
    name = loaded(Name(), value)
    if name is not None:
        assert 1 <= len(name) <= 120
        assert name == name.strip() == unicodedata.normalize("NFC", name)
        assert len(name.splitlines()) == 1
        assert not {unicodedata.bidirectional(letter) for letter in name} & {"LRE", "RLE", "LRO", "RLO", "LRI", "RLI"}
        name.encode()
        assert loaded(Name(), name) == name


@pytest.mark.parametrize("name", ["سارة العتيبي", "Zoë O'Neill-Åström", "محمد‌علی", "X", "李小龙", "x" * 120])
def test_names_of_people_are_taken(name: str) -> None:
    assert loaded(Name(), f"  {name} ") == name
    assert loaded(Name(), unicodedata.normalize("NFD", name)) == unicodedata.normalize("NFC", name)


@pytest.mark.parametrize(
    ("pasted", "name"),
    [
        ("\u202aسارة العتيبي\u202c", "سارة العتيبي"),
        ("\u200fسارة\u200e", "سارة"),
        ("\u2067Sara\u2069", "Sara"),
        ("\ufeffSara", "Sara"),
        ("Sa\u200bra\u00ad", "Sara"),
        ("Sara\u00a0Al\u202fOtaibi", "Sara Al Otaibi"),
        ("محمد\u200cعلی", "محمد\u200cعلی"),
        ("\u200dمحمد\u200c \u200cعلی\u200d", "محمد علی"),
        ("a\u200c\u200db", "a\u200cb"),
        ("👩\u200d⚕️", "👩\u200d⚕️"),
        ("O\u2019Neill-Åström (2) ™", "O\u2019Neill-Åström (2) ™"),
    ],
    ids=ascii,
)
def test_a_pasted_name_is_freed_of_what_can_not_be_seen(pasted: str, name: str) -> None:
    assert loaded(Name(), pasted) == name


@pytest.mark.parametrize(
    "unseen",
    [
        *("\u200e", "\u200b\ufeff", "\u00ad", "\u2060", "\u00a0", "\u3000", "\u200c", "\u200d\u200d", "\u061c \u202e"),
        *(
            "\u3164",
            "\uffa0",
            "\u115f\u1160",
            "\u2800",
            "\u0301",
            "\u064b\u0651",
            "\ufe0f",
            "\U000e0041",
            "\u034f",
            "\ue000",
        ),
    ],
    ids=ascii,
)
def test_a_name_of_which_nothing_is_seen_is_refused(unseen: str) -> None:
    assert loaded(Name(), unseen) is None
    with pytest.raises(ValidationError):
        Name(allow_none=True).deserialize(unseen)


@pytest.mark.parametrize(
    "punctuation",
    [".", "-", "—", "؟", "«»", " . ", "\u200e-", "\u0640", "\u0640\u064e", "\u0674", "\u06e5", "\u00a8"],
    ids=ascii,
)
def test_punctuation_alone_is_no_name_and_where_there_need_be_none_it_stands_for_none(punctuation: str) -> None:
    with pytest.raises(ValidationError):
        Name().deserialize(punctuation)
    assert Name(allow_none=True).deserialize(punctuation) is None


@pytest.mark.parametrize("control", ["a\x85b", "a\x9bb", "a\x80b", "a\x00b", "a\x1bb", "a\x7fb"], ids=ascii)
def test_no_text_has_a_control_character_of_either_set(control: str) -> None:
    for field in (Name(), FreeText(), Words()):
        assert loaded(field, control) is None


@pytest.mark.parametrize(
    ("pasted", "value"),
    [
        ("\u202a+966 50 123 4567\u202c", "+966 50 123 4567"),
        ("050\u00a0123\u00a04567", "050 123 4567"),
        ("٠٥٠١٢٣٤٥٦٧", "0501234567"),
        ("۱۲۳", "123"),
        ("\ufeffsara@example.com\u200b", "sara@example.com"),
        ("A\u200c1", "A1"),
    ],
    ids=ascii,
)
def test_a_pasted_number_or_address_is_freed_of_what_can_not_be_seen(pasted: str, value: str) -> None:
    assert clean_value(pasted) == value


def test_what_is_looked_for_may_be_punctuation() -> None:
    assert loaded(Words(), " %% ") == "%%"
    assert loaded(Words(), "\u202aليلى\u202c") == "ليلى"
    for wrong in ("a", "\u200e\u200ea", "a" * 61, "", None):
        assert loaded(Words(), wrong) is None


@given(anything)
def test_free_text_can_be_stored_and_shown(value: Any) -> None:
    text = loaded(FreeText(max=50), value)
    if text is not None:
        assert len(text) <= 50
        assert not set(text) & set("\0\u202e\u2066")
        text.encode()


def test_free_text_has_lines_and_tabs() -> None:
    assert loaded(FreeText(), "one\n\ttwo\r\n") == "one\n\ttwo\r\n"


instants = st.datetimes(
    timezones=st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
)


@given(instants)
@example(datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))))
@example(datetime(9999, 12, 31, 23, 59, tzinfo=timezone(timedelta(hours=-14))))
def test_an_instant_stays_the_same_instant(value: datetime) -> None:
    found = loaded(Instant(), value.isoformat())
    if 1900 < value.year < 2200:
        assert found == value
    if found is not None:
        assert 1900 <= found.year <= 2200
        assert found.utcoffset() == timedelta()
        written = Instant().serialize("at", {"at": value})
        assert written is not None
        assert written.endswith("Z")
        assert datetime.fromisoformat(written) == value


@given(anything | st.from_regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(:[0-9]{2})?([+-][0-9]{2}:[0-9]{2}|Z)?"))
def test_an_instant_without_offset_or_sense_is_refused_and_nothing_worse(value: Any) -> None:
    found = loaded(Instant(), value)
    assert found is None or found.tzinfo == UTC


@pytest.mark.parametrize(
    "value",
    [
        *("2026-11-20T08:00:00", "2026-11-20", "", None, 0, "2026-13-01T00:00:00Z"),
        *("2026-W47-5T08:00:00Z", "20261120T080000Z", "2026-11-20x08:00:00Z", "2026-11-20T08Z"),
    ],
)
def test_a_time_that_is_no_instant_is_refused(value: Any) -> None:
    assert loaded(Instant(), value) is None


@given(anything)
def test_a_zone_is_one_that_the_world_knows(value: Any) -> None:
    assert loaded(Zone(), value) is None or "/" in value or value.isalnum()


def test_zones() -> None:
    for field in (Zone(), PlaceZone()):
        for right in ("Asia/Riyadh", "UTC", "America/Argentina/Buenos_Aires", "America/Port-au-Prince", "Etc/GMT-3"):
            assert loaded(field, right) == right
        for wrong in ("Mars/Olympus", "+03:00", "", "../../etc/passwd", "asia/riyadh", "right/UTC", "posix/UTC"):
            assert loaded(field, wrong) is None


@pytest.mark.parametrize(
    "name", ["localtime", "Factory", "posixrules", "EST5EDT", "GMT+0", "GMT0", "AST-3", "right/UTC"]
)
def test_the_zone_of_a_place_is_no_machines_own_and_no_written_rule(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(zones, "is_known", lambda _: True)
    assert loaded(PlaceZone(), name) is None


@given(anything | st.from_regex(r"[A-Z0-9_-]{1,25}\n?", fullmatch=True))
def test_a_code_is_short_and_plain(value: Any) -> None:
    found = loaded(code(), value)
    assert found is None or (len(found) <= 20 and found[0].isalpha() and found == found.upper() and found.isascii())


# Pages


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=100))
def test_a_cursor_gives_back_what_was_put_in_and_needs_no_quoting(value: str) -> None:
    cursor = encode_cursor(value)
    assert decode_cursor(cursor) == value
    assert cursor.replace("-", "").replace("_", "").isalnum() or cursor == ""


@given(st.text(max_size=60))
def test_any_other_text_is_no_cursor_and_nothing_worse(text: str) -> None:
    for decode in (decode_cursor, decode_id_cursor):
        with suppress(InvalidField):
            decode(text)


@given(st.integers(0, 30), st.integers(1, 12))
def test_pages_show_each_row_once_and_in_order(count: int, limit: int) -> None:
    rows = sorted(str(new_id()) for _ in range(count))
    seen: list[str] = []
    after = ""
    for _ in range(count + 1):
        found = [row for row in rows if row > after][: limit + 1]
        made = page(found, limit, str, str)
        assert len(made["items"]) <= limit
        seen += made["items"]
        if made["next_cursor"] is None:
            break
        after = decode_cursor(made["next_cursor"])
    assert seen == rows


@pytest.mark.parametrize("value", ["2026-11-20T09:00:00", "2026-11-20", "tomorrow", "", 5])
def test_what_is_no_instant_is_refused_in_plain_words(value: object) -> None:
    with pytest.raises(ValidationError) as found:
        Instant().deserialize(value)
    assert found.value.messages == ["Must be an instant with its offset, such as 2026-11-20T09:00:00Z."]


# States

LAMP = states.state_machine("lamp", "OFF", OFF="ON", ON="OFF BROKEN", BROKEN="")


@given(st.sampled_from(LAMP.states), st.sampled_from(LAMP.states))
def test_only_the_moves_of_the_table_are_allowed(current: str, target: str) -> None:
    allowed = {("OFF", "ON"), ("ON", "OFF"), ("ON", "BROKEN")}
    if (current, target) in allowed:
        LAMP.check(current, target)
    else:
        with pytest.raises(NoSuchMove) as found:
            LAMP.check(current, target)
        problem = COMMON.problem(found.value)
        assert (problem.status, problem.code) == (409, "invalid-transition")


@pytest.mark.parametrize(("name", "said"), [("invoice", "An invoice"), ("lamp", "A lamp"), ("offer", "An offer")])
def test_a_move_that_is_not_in_the_table_is_refused_in_plain_words(name: str, said: str) -> None:
    with pytest.raises(NoSuchMove) as found:
        states.state_machine(name, "OFF", OFF="").check("OFF", "ON")
    assert COMMON.problem(found.value).detail == f"{said} that is OFF cannot become ON."


def test_the_diagram_is_made_from_the_same_table() -> None:
    assert LAMP.mermaid().splitlines() == [
        "stateDiagram-v2",
        "    [*] --> OFF",
        "    OFF --> ON",
        "    ON --> BROKEN",
        "    ON --> OFF",
        "    BROKEN --> [*]",
    ]


def test_ids_sort_by_the_time_they_were_made() -> None:
    made = [new_id() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert made == sorted(made)
    assert {each.version for each in made} == {7}


@given(anything | st.dates().map(str) | st.datetimes().map(str))
@example("9999-12-31")
@example("1899-12-31")
@example("2026-11-20T10:00:00")
def test_a_day_or_an_instant_is_one_that_can_be_reckoned_with(value: Any) -> None:
    day, either = loaded(Day(), value), loaded(DayOrInstant(), value)
    for found in (day, either):
        assert found is None or 1900 <= found.year <= 2200
    if day is not None and len(value) == 10:
        assert either == day
    if isinstance(either, datetime):
        assert either.tzinfo is UTC


@pytest.mark.parametrize(
    "value", ["20261120", "20261120aa", "2026112099", "2026-W47-5", "2026W4751x", "2026-11-20 ", "٢٠٢٦-11-20", 20261120]
)
def test_a_day_has_one_form(value: Any) -> None:
    for field in (PlainDate(), Day(), DayOrInstant()):
        assert loaded(field, value) is None


@pytest.mark.parametrize(
    ("given", "login"), [("layla", "layla"), (" la\u200byla\u200d2 ", "layla2"), ("ليلى", "ليلى"), ("a b", "a b")]
)
def test_a_login_is_freed_of_what_can_not_be_seen(given: str, login: str) -> None:
    assert loaded(Login(), given) == login


@pytest.mark.parametrize(
    "login",
    [
        "",
        "\u200b",
        "system:relay",
        "System:x",
        "sys\u200btem:x",
        "لَيلى",
        "a\nb",
        "x" * 121,
        "\u2800x",
        "…",
        "\u0640",
        7,
    ],
)
def test_a_login_that_no_token_may_name_is_refused(login: Any) -> None:
    assert loaded(Login(), login) is None


def test_a_day_and_an_instant_are_told_apart() -> None:
    assert loaded(DayOrInstant(), "2026-11-20") == date(2026, 11, 20)
    assert loaded(DayOrInstant(), "2026-11-20T10:00:00+03:00") == datetime(2026, 11, 20, 7, tzinfo=UTC)
