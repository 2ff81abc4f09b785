"""A schema's fields fit what they are loaded into, and a view or a handler takes just that."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest
from marshmallow import fields
from sqlalchemy.orm import Session

from jalsa.dev.kit import ServiceKit
from jalsa.dev.loading import assert_what_is_loaded_fits, misfits
from jalsa.events.contracts import Stream
from jalsa.events.data import Data
from jalsa.events.inbox import Handler, Received
from jalsa.http import PageArgs
from jalsa.service.commands import Loaded


@dataclass(frozen=True, kw_only=True)
class Shade:
    colour: str
    width: int = 1


class Shaded(Data):
    colour: str


class ShadeBody(Loaded):
    into = Shade

    colour = fields.String(load_default="white")
    width = fields.Integer()


class Shades(PageArgs):
    into = Shade

    tint = fields.String(attribute="colour", required=True)


class MayLackIt(Loaded):
    into = Shade

    colour = fields.String()


class HasMore(ShadeBody):
    height = fields.Integer()


class Holds(Loaded):
    shades = fields.List(fields.Nested(HasMore()))


@pytest.mark.parametrize("schema", [ShadeBody(), Shades()])
def test_a_schema_that_fits_is_let_be(schema: Loaded) -> None:
    assert list(misfits(schema)) == []


def test_a_field_too_many_or_too_few_is_found_also_inside_another_schema() -> None:
    assert list(misfits(MayLackIt())) == ["MayLackIt may leave out colour, which Shade needs"]
    assert list(misfits(HasMore())) == list(misfits(Holds())) == ["HasMore has height, which Shade has not"]


def takes_shaded(db: Session, event: Received[Shaded]) -> None:
    """As it should."""


def takes_another(db: Session, event: Received[int]) -> None:
    """Which the inbox would never give it."""


@pytest.mark.parametrize(
    ("read", "handler", "fits"),
    [(Shaded, takes_shaded, True), (Shaded, takes_another, False), (Data, takes_another, True)],
)
def test_a_handler_of_something_else_is_found(
    alpha: ServiceKit, read: type[Data], handler: Handler, fits: bool
) -> None:
    handlers: Mapping[str, Handler] = {"alpha.Shaded.v1": handler}
    stream = Stream("alpha", "lamp", reads={"Shaded.v1": read})
    kit = ServiceKit(replace(alpha.service, streams=(stream,), handlers=handlers), alpha.config, alpha.issuer)
    if fits:
        assert_what_is_loaded_fits(kit)
    else:
        with pytest.raises(AssertionError, match=r"Shaded\.v1"):
            assert_what_is_loaded_fits(kit)
