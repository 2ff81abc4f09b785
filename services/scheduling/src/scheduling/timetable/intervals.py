"""The arithmetic of intervals of time: `(start, end)`, both UTC, the end not included. No I/O."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import islice
from operator import itemgetter

Interval = tuple[datetime, datetime]


def overlaps(one: Interval, other: Interval) -> bool:
    """Whether two intervals overlap; two that only touch do not. In SQL it is `times_overlap`."""
    return one[0] < other[1] and one[1] > other[0]


def widened(interval: Interval, before: timedelta, after: timedelta) -> Interval:
    """The interval with so much more time before and after it."""
    return interval[0] - before, interval[1] + after


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """The same time in order, without overlaps, with what adjoins put together."""
    found: list[Interval] = []
    for start, end in sorted(intervals):
        if end <= start:
            continue
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((start, end))
    return found


def subtract(intervals: Iterable[Interval], taken: Iterable[Interval]) -> list[Interval]:
    """What is left of merged intervals when other merged intervals are taken away."""
    left: list[Interval] = []
    cuts = list(taken)
    first = 0
    for start, end in intervals:
        while first < len(cuts) and cuts[first][1] <= start:
            first += 1
        for cut_start, cut_end in islice(cuts, first, None):
            if cut_start >= end:
                break
            if cut_start > start:
                left.append((start, cut_start))
            start = max(start, cut_end)
        if start < end:
            left.append((start, end))
    return left


def contains(intervals: Sequence[Interval], start: datetime, end: datetime) -> bool:
    """Whether one of merged intervals holds all of the time from start to end."""
    at = bisect_right(intervals, start, key=itemgetter(0))
    return at > 0 and end <= intervals[at - 1][1]


def intersect(one: Sequence[Interval], other: Sequence[Interval]) -> list[Interval]:
    """The time that lies in both of two lists of merged intervals."""
    found: list[Interval] = []
    i = j = 0
    while i < len(one) and j < len(other):
        start, end = max(one[i][0], other[j][0]), min(one[i][1], other[j][1])
        if start < end:
            found.append((start, end))
        if one[i][1] < other[j][1]:
            i += 1
        else:
            j += 1
    return found
