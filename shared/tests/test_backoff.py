"""Pauses after failures."""

from jalsa.service.backoff import backoff


def test_pauses_double_up_to_the_longest() -> None:
    assert [backoff(n, first=0.5, longest=5.0) for n in range(1, 7)] == [0.5, 1.0, 2.0, 4.0, 5.0, 5.0]


def test_any_number_of_failures_has_a_pause() -> None:
    assert backoff(100_000, first=2.0, longest=600.0) == 600.0


def test_chance_spreads_a_pause_to_both_sides_and_no_further() -> None:
    pauses = [backoff(3, first=1.0, longest=300.0, spread=0.5) for _ in range(1000)]
    assert 2.0 <= min(pauses) < 3.5 < 4.5 < max(pauses) <= 6.0
