"""What plans of many sessions are made from: a few statements for all the time and all the providers in question."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from scheduling.domain.planning import ProviderOption, Rooms
from scheduling.models import Provider, ProviderClinic, Room
from scheduling.timetable.free_time import Search, candidates_of, free_time


@dataclass(frozen=True)
class PlanningTime:
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


def planning_time(db: Session, search: Search, provider_ids: Collection[UUID]) -> PlanningTime:
    """The free time of some providers, of the patient, and of the rooms, in the one clinic that is searched.

    Who has no hours there is no choice.
    """
    candidates = [c for c in candidates_of(db, search) if c.id in provider_ids]
    if not candidates:
        return PlanningTime((), None)
    clinic = candidates[0].clinic
    free = free_time(db, search, candidates, (clinic.bounds[0], clinic.bounds[1] + search.length))
    ordered = sorted(candidates, key=lambda c: (c.name_en, c.id))
    return PlanningTime(
        [ProviderOption(c.id, free.of(c)) for c in ordered],
        Rooms({room.id: free.room(room.id) for room in clinic.rooms}) if search.needs_room else None,
    )
