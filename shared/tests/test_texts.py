"""Messages in Arabic: of our own templates, of the libraries' messages, and English where there is no Arabic."""

import pytest

from jalsa.dev.texts import said
from jalsa.service.errors import Message, NoSuchMove, NotFound
from jalsa.service.fields import Instant
from jalsa.service.problems import COMMON
from jalsa.service.texts import Texts

say = Texts(["jalsa"]).speaker("ar")


def test_a_message_is_the_english_sentence_wherever_a_string_is_asked_for() -> None:
    message = Message("Must be at most {most} characters.", most=3)
    assert (message, str(message)) == ("Must be at most 3 characters.",) * 2
    assert Texts(["jalsa"]).speaker("en")(message) == "Must be at most 3 characters."


@pytest.mark.parametrize(
    ("english", "arabic"),
    [
        ("Missing data for required field.", "هذا الحقل مطلوب."),
        (Message("Must be at most {most} characters.", most=3), "الحد الأقصى لعدد الأحرف: 3."),
        ("Longer than maximum length 120.", "الحد الأقصى للطول: 120."),
        ("Must be one of: A, B.", "يجب أن تكون القيمة واحدة من: A, B."),
        (
            "Must be greater than or equal to 1 and less than or equal to 20.",
            "يجب أن تكون القيمة من 1 إلى 20.",
        ),
    ],
    ids=["plain", "ours", "recognised", "choices", "range"],
)
def test_what_the_table_has_is_said_in_arabic(english: str, arabic: str) -> None:
    assert say(english) == arabic


@pytest.mark.parametrize("message", ["Nobody has said this.", "", "x" * 10_000])
def test_what_the_table_does_not_have_stays_english(message: str) -> None:
    assert say(message) == message


def test_values_stay_as_they_are_unless_the_table_knows_them() -> None:
    assert say(COMMON.problem(NotFound("event")).detail) == "السجل المطلوب غير موجود: حدث."
    assert say(COMMON.problem(NotFound("{record}")).detail) == "السجل المطلوب غير موجود: {record}."
    refused = say(COMMON.problem(NoSuchMove("lamp", "OFF", "BROKEN")).detail)
    assert refused == "السجل (lamp) حالته OFF، ولا يمكن أن تصبح BROKEN."


def test_a_package_without_a_table_says_everything_in_english() -> None:
    assert Texts(["email"]).arabic == {}


def test_what_a_field_says_by_itself_is_among_what_a_package_says() -> None:
    assert Instant.default_error_messages["invalid"] in said("jalsa")
    assert say(Instant.default_error_messages["invalid"]) != Instant.default_error_messages["invalid"]
