"""Why a session of a package has no place, said so that a person can act on it. No I/O."""

from collections.abc import Collection
from datetime import date

from scheduling.domain.planning import NO_PROVIDER, NO_ROOM, PAST, PERIOD_OVER, STAGES, TOGETHER, Failure, Wish

#: Whom a session is to be held by.
ASSIGNED, CHOSEN, ANYBODY = "the assigned provider", "the provider of the other sessions", "any provider of this clinic"

_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_HOURS, _BUSY, _PATIENT = STAGES


def reason(failure: Failure, wish: Wish, who: str) -> str:
    """One sentence: what was looked for, of whom, on which days."""
    minutes = int(wish.length.total_seconds() // 60)
    one_day = failure.first == failure.last
    days = f"on {_long(failure.first)}" if one_day else _period(failure, wish.weekdays)
    said = {
        _HOURS: f"{who[0].upper()}{who[1:]} does not work here for {minutes} minutes {days}, or the clinic is closed.",
        _BUSY: f"No free {minutes} minutes of {who} {days}.",
        _PATIENT: f"The patient has other sessions whenever {who} has {minutes} minutes free {days}.",
        NO_ROOM: f"No room that is free whenever {who} has {minutes} minutes free {days}.",
        NO_PROVIDER: "No active provider of the service type's discipline has working hours in this clinic.",
        PERIOD_OVER: _too_late(failure, wish),
        PAST: "That time is past.",
        TOGETHER: "Another session of the package is at that time.",
    }
    return said[failure.code]


def _too_late(failure: Failure, wish: Wish) -> str:
    return (
        f"The period ends on {_long(failure.last)}, and no day of it is left that is {wish.gap_days} "
        f"{'day' if wish.gap_days == 1 else 'days'} or more from the other sessions."
    )


def _period(failure: Failure, weekdays: Collection[int]) -> str:
    asked = f"on a {_either([_DAYS[day] for day in sorted(weekdays)])} " if weekdays else ""
    return f"{asked}from {_long(failure.first)} to {_long(failure.last)}"


def _either(names: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _long(day: date) -> str:
    return f"{day.day} {day:%B} {day.year}"
