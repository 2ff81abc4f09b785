"""Arithmetic of time intervals, `(start, end)`. Both instants are UTC and the end is not included. No I/O."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import islice
from operator import itemgetter

Interval = tuple[datetime, datetime]


def overlaps(one: Interval, other: Interval) -> bool:
    """Whether two intervals overlap. Intervals that only touch do not. The same function in SQL is `times_overlap`."""
    return one[0] < other[1] and one[1] > other[0]


def widened(interval: Interval, before: timedelta, after: timedelta) -> Interval:
    """Return the interval with additional time before and after it."""
    return interval[0] - before, interval[1] + after


def merged(intervals: Iterable[Interval]) -> list[Interval]:
    """Return the same time in order and without overlaps. Adjoining intervals become one."""
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
    """Return what remains of merged intervals when other merged intervals are removed."""
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
    """Whether one of several merged intervals contains all of the time from start to end."""
    at = bisect_right(intervals, start, key=itemgetter(0))
    return at > 0 and end <= intervals[at - 1][1]


def intersect(one: Sequence[Interval], other: Sequence[Interval]) -> list[Interval]:
    """Return the time that lies in both of two lists of merged intervals."""
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
