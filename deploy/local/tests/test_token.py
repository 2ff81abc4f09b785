"""The command `jalsa token` prints no token that every service refuses."""

import sys

import pytest

from jalsa_local.cli import main


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--tenant", "AG DAR"], "names no tenant"),
        (["--tenant", "agdar", "--sub", "system:relay"], "not a login"),
        (["--tenant", "agdar", "--events", "*"], "list of <service>.<aggregate>"),
    ],
)
def test_what_no_service_would_accept_is_refused_in_one_line(
    arguments: list[str], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["jalsa", "token", "--role", "subscriber", *arguments])
    with pytest.raises(SystemExit, match=told):
        main()
