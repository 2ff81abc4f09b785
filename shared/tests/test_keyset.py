"""Keyset paging gives every row once, in one order, whatever is stored meanwhile."""

from collections.abc import Iterator
from itertools import chain
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from jalsa.db.keyset import keyset
from jalsa.dev.kit import ServiceKit
from jalsa.service.ids import new_id

from .lamps import Lamp

#: Each level more than once, so that only the id tells some lamps apart.
LEVELS = [3, 1, 2, 3, 1, 1, 2]

Key = tuple[int, UUID]


@pytest.fixture
def db(alpha: ServiceKit, tenant: str) -> Iterator[Session]:
    with alpha.transaction(tenant) as session:
        yield session


def light_up(db: Session, *levels: int) -> list[Lamp]:
    lamps = [Lamp(id=new_id(), name=f"lamp {new_id()}", level=level) for level in levels]
    db.add_all(lamps)
    db.flush()
    return lamps


def key_of(lamp: Lamp) -> Key:
    return lamp.level, lamp.id


def page(db: Session, after: Key | None, limit: int | None, *, descending: bool = False) -> list[Key]:
    query = keyset(select(Lamp), Lamp.level, Lamp.id, after=after, limit=limit, descending=descending)
    return [key_of(lamp) for lamp in db.scalars(query)]


def pages(db: Session, limit: int, *, descending: bool = False) -> Iterator[list[Key]]:
    after = None
    while found := page(db, after, limit, descending=descending):
        yield found
        after = found[-1]


@pytest.mark.parametrize("limit", range(1, len(LEVELS) + 2))
@pytest.mark.parametrize("descending", [False, True])
def test_the_pages_hold_every_row_once_in_the_order_of_the_key(db: Session, limit: int, descending: bool) -> None:
    lamps = light_up(db, *LEVELS)
    read = list(pages(db, limit, descending=descending))
    assert list(chain(*read)) == sorted(map(key_of, lamps), reverse=descending)
    assert all(len(each) == limit for each in read[:-1])


def test_the_first_page_and_all_pages_at_once(db: Session) -> None:
    ordered = sorted(map(key_of, light_up(db, *LEVELS)))
    assert page(db, None, 3) == ordered[:3]
    assert page(db, None, None) == ordered
    assert page(db, ordered[1], None) == ordered[2:]
    assert page(db, ordered[-1], 3) == []


def test_what_is_stored_before_the_cursor_shifts_nothing_and_what_is_behind_it_is_shown(db: Session) -> None:
    light_up(db, 2, 3)
    [first] = page(db, None, 1)
    light_up(db, 1)
    [behind] = map(key_of, light_up(db, 4))
    assert [level for level, _ in page(db, first, 2)] == [3, 4]
    assert page(db, first, 2)[-1] == behind


def test_a_key_of_one_column_takes_its_value_alone(db: Session) -> None:
    ids = sorted(lamp.id for lamp in light_up(db, 1, 1, 1))

    def after(last: UUID | None) -> list[UUID]:
        return list(db.scalars(keyset(select(Lamp.id), Lamp.id, after=last, limit=2)))

    assert (after(None), after(ids[1]), after(ids[2])) == (ids[:2], ids[2:], [])


def test_conditions_that_the_query_has_already_stay(db: Session) -> None:
    light_up(db, *LEVELS)
    query = keyset(select(Lamp).where(Lamp.level > 1), Lamp.level, Lamp.id, after=None, limit=None)
    assert [lamp.level for lamp in db.scalars(query)] == [2, 2, 3, 3]
