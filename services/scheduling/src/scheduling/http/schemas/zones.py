"""The schemas of the clinics that an answer leaves out because their local days cannot be calculated."""

from functools import cache

from marshmallow import Schema, fields

from jalsa.http import page_of
from jalsa.http.fields import sometimes
from jalsa.service.fields import AnyField


class LeftOutClinic(Schema):
    id = fields.UUID()
    code = fields.String()
    timezone = fields.String(metadata={"description": "The stored name, which is no zone that the database knows"})


def left_out_clinics() -> AnyField:
    """Return the field of an answer with the clinics that it leaves out."""
    description = (
        "Only present if there are any. The clinics whose time zone is not known, so that their records are "
        "not included"
    )
    return sometimes(fields.List(fields.Nested(LeftOutClinic()), metadata={"description": description}))


@cache
def days_of(answer: type[Schema]) -> Schema:
    """Return the schema of a page of a list that can be filtered by local days."""
    beside: dict[str, AnyField] = {"left_out_clinics": left_out_clinics()}
    return type(page_of(answer)).from_dict(beside, name=f"{answer.__name__}DaysPage")()
