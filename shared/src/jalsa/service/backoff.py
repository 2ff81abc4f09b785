"""How long to wait after failures. Each pause is twice the one before, up to a longest one."""

import random


def backoff(failures: int, *, first: float, longest: float, spread: float = 0.0) -> float:
    """The pause in seconds after so many failures in a row, counted from 1.

    `spread` is the part by which chance makes it longer or shorter (0.25 for a quarter), so that many who failed
    together do not all come back together.
    """
    pause = min(first * 2.0 ** min(failures - 1, 60), longest)
    return pause * random.uniform(1 - spread, 1 + spread)  # noqa: S311 no secret
