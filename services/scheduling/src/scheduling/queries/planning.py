"""What plans of many sessions are made from: a few statements for all the time and all the providers in question."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduling.domain.hours import Interval, subtract
from scheduling.domain.planning import ProviderOption, Rooms
from scheduling.domain.slots import intersect
from scheduling.models import Provider, ProviderClinic, Room
from scheduling.queries.availability import OF_PROVIDERS, OF_ROOMS, Search, candidates_of, patients_time, read_gaps


@dataclass(frozen=True)
class FreeTime:
    """The providers who may hold a session of a search, in a fixed order, and the free rooms if one is needed."""

    options: Sequence[ProviderOption]
    rooms: Rooms | None

    def of(self, provider_id: UUID | None) -> Sequence[ProviderOption]:
        """The one provider, if it is a choice at all; everybody for None."""
        return [c for c in self.options if provider_id in (None, c.provider_id)]


def qualified(db: Session, discipline: str, clinic_id: UUID) -> set[UUID]:
    """The active providers of a discipline who work in a clinic."""
    works_there = select(ProviderClinic.provider_id).where(ProviderClinic.clinic_id == clinic_id)
    query = select(Provider.id).where(Provider.active, Provider.discipline == discipline, Provider.id.in_(works_there))
    return set(db.scalars(query))


def rooms_of(db: Session, clinic_id: UUID) -> Sequence[UUID]:
    """The active rooms of a clinic."""
    return db.scalars(select(Room.id).where(Room.clinic_id == clinic_id, Room.active)).all()


def free_time(db: Session, search: Search, provider_ids: Collection[UUID]) -> FreeTime:
    """The free time of some providers, of the patient, and of the rooms, in the one clinic that is searched.

    The rule is that of `operations.placing.conflicts`. Who has no hours there is no choice.
    """
    candidates = [c for c in candidates_of(db, search) if c.id in provider_ids]
    if not candidates:
        return FreeTime((), None)
    clinic = candidates[0].clinic
    reach = clinic.bounds[0], clinic.bounds[1] + search.length
    untaken = read_gaps(db, OF_PROVIDERS, {c.id for c in candidates}, search, reach)
    patient = patients_time(db, search, reach)
    rooms = read_gaps(db, OF_ROOMS, {room.id for room in clinic.rooms}, search, reach) if search.needs_room else {}
    opened = subtract([reach], clinic.closed)

    def stages(worked: Sequence[Interval], untaken: Sequence[Interval]) -> list[list[Interval]]:
        worked = intersect(worked, opened)
        free = intersect(worked, untaken)
        return [worked, free, intersect(free, patient)]

    ordered = sorted(candidates, key=lambda c: (c.name_en, c.id))
    return FreeTime(
        [ProviderOption(c.id, stages(c.worked(reach), untaken.get(c.id, []))) for c in ordered],
        Rooms({room.id: rooms.get(room.id, []) for room in clinic.rooms}) if search.needs_room else None,
    )
