"""Why a session of a package has no place, said so that a person can act on it. No I/O."""

from collections.abc import Collection
from datetime import date, datetime
from zoneinfo import ZoneInfo

from scheduling.domain.planning import NO_PROVIDER, NO_ROOM, PAST, PERIOD_OVER, STAGES, TOGETHER, Failure, Wish

#: Whom a session is to be held by.
ASSIGNED, CHOSEN, ANYBODY = "the assigned provider", "the one provider of all sessions", "any provider of this clinic"

_DAYS = ("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday")
_HOURS, _BUSY, _PATIENT = STAGES


def reason(failure: Failure, wish: Wish, who: str) -> str:
    """One sentence: what was looked for, of whom, on which days; or what stands against the time that was wanted."""
    if failure.starts_at:
        return _against(failure.code, failure.starts_at.astimezone(ZoneInfo(wish.zone)), _minutes(wish))
    minutes, when = _minutes(wish), _when(failure, wish.weekdays)
    said = {
        _HOURS: f"No {minutes} of the working hours of {who} are left {when}, or the clinic is closed.",
        _BUSY: f"No free {minutes} of {who} {when}.",
        _PATIENT: f"The patient has other sessions whenever {who} has {minutes} free {when}.",
        NO_ROOM: f"No room is free for {minutes} when {who} and the patient are, {when}.",
        NO_PROVIDER: _nobody(who),
        PERIOD_OVER: _too_late(failure, wish),
    }
    return said[failure.code]


def _against(code: str, starts_at: datetime, minutes: str) -> str:
    """What stands against one time, by the clinic's clock."""
    then = f"{starts_at:%H:%M} on {_long(starts_at.date())}"
    said = {
        NO_PROVIDER: "The provider is not active any more, or has no working hours in this clinic.",
        PAST: f"{then} is past.",
        _HOURS: f"The provider does not work here for {minutes} from {then}, or the clinic is closed.",
        _BUSY: f"The provider is not free for {minutes} from {then}.",
        _PATIENT: f"The patient is not free for {minutes} from {then}.",
        TOGETHER: f"Another session of the package is too near {then}.",
        NO_ROOM: f"The room, or any that would do, is not free for {minutes} from {then}.",
    }
    return said[code]


def _nobody(who: str) -> str:
    if who == ANYBODY:
        return "No active provider of the service type's discipline has working hours in this clinic."
    return f"{who[0].upper()}{who[1:]} is not active any more, or has no working hours in this clinic."


def _too_late(failure: Failure, wish: Wish) -> str:
    if wish.first > failure.last:
        return f"The period ended on {_long(failure.last)}."
    day = _either(wish.weekdays) if wish.weekdays else "day"
    return (
        f"The period ends on {_long(failure.last)}, and no {day} of it is left that is "
        f"{_count(wish.gap_days, 'day')} or more from the other sessions."
    )


def _when(failure: Failure, weekdays: Collection[int]) -> str:
    if failure.first == failure.last:
        return f"on {_long(failure.first)}"
    asked = f"on a {_either(weekdays)} " if weekdays else ""
    return f"{asked}from {_long(failure.first)} to {_long(failure.last)}"


def _minutes(wish: Wish) -> str:
    return _count(int(wish.length.total_seconds() // 60), "minute")


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _either(weekdays: Collection[int]) -> str:
    names = [_DAYS[day] for day in sorted(weekdays)]
    return " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _long(day: date) -> str:
    return f"{day.day} {day:%B} {day.year}"
