"""What `jalsa demo`, `psql`, `logs` and `metrics` say where no run is up, and how they show what they find."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from werkzeug.serving import make_server
from werkzeug.wrappers import Request, Response

from jalsa_local import looking, walk
from jalsa_local.cli import main
from jalsa_local.settings import Running


@pytest.fixture
def jalsa(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> "Command":
    """The command, on an empty data folder."""
    monkeypatch.setenv("JALSA_DATA", str(tmp_path))
    monkeypatch.setattr(looking, "end_with_the_reader", lambda: None)  # of a process of its own
    return Command(monkeypatch, tmp_path)


class Command:
    """Runs `jalsa` in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
        self.monkeypatch = monkeypatch
        self.data = data

    def __call__(self, *arguments: str) -> None:
        self.monkeypatch.setattr(sys, "argv", ["jalsa", *arguments])
        main()

    def write_log(self, *lines: str) -> None:
        (self.data / "jalsa.log").write_text("".join(f"{line}\n" for line in lines))


@pytest.fixture
def elsewhere() -> Iterator[int]:
    """The port of something that is not Jalsa and answers everything with an empty list."""

    @Request.application
    def answer(_: Request) -> Response:
        return Response("[]", mimetype="application/json")

    server = make_server("127.0.0.1", 0, answer)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize(
    "arguments", [["demo"], ["psql", "billing"], ["metrics"], ["metrics", "billing"], ["service", "billing", "config"]]
)
def test_without_a_run_a_command_says_so_in_one_line(jalsa: Command, arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match=rf"^jalsa: no run answers on {jalsa.data}; start one with `make run`"):
        jalsa(*arguments)


@pytest.mark.parametrize("written", ["", "{", "[]", '{"port": 1}', '{"port": 1, "metrics_port": 1}'])
def test_a_run_that_has_ended_or_left_half_a_file_is_no_run(jalsa: Command, written: str) -> None:
    (jalsa.data / "run.json").write_text(written)
    with pytest.raises(SystemExit, match="no run answers"):
        jalsa("metrics")


def test_another_program_on_the_port_is_no_run(jalsa: Command, elsewhere: int) -> None:
    Running(elsewhere, elsewhere).write(jalsa.data)
    with pytest.raises(SystemExit, match="no run answers"):
        jalsa("demo")


def test_without_a_log_the_command_says_so_in_one_line(jalsa: Command) -> None:
    with pytest.raises(SystemExit, match=f"there is no log in {jalsa.data}"):
        jalsa("logs")


@pytest.mark.parametrize(
    "arguments",
    [
        ["psql"],
        ["psql", "nowhere"],
        ["service", "nowhere", "config"],
        ["logs", "nowhere"],
        ["metrics", "nowhere"],
        ["logs", "--lines", "-1"],
        ["dance"],
    ],
)
def test_what_there_is_not_is_refused_with_the_usage(
    jalsa: Command, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        jalsa(*arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: jalsa")


@pytest.mark.parametrize("command", ["demo", "psql", "service", "logs", "metrics", "services", "docs"])
def test_each_command_explains_itself(jalsa: Command, command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        jalsa(command, "--help")
    assert ended.value.code == 0
    assert f"usage: jalsa {command}" in capsys.readouterr().out


ENTRIES = [
    {"method": "GET", "event": "request", "service": service, "traceparent": "00-1", "level": "info", "timestamp": at}
    for at, service in (("12:00:01", "billing"), ("12:00:02", "scheduling"), ("12:00:03", "billing"))
]


def test_the_log_is_shown_of_all_or_of_one_service(jalsa: Command, capsys: pytest.CaptureFixture[str]) -> None:
    jalsa.write_log(*map(json.dumps, ENTRIES), "a line of a library")
    jalsa("logs")
    assert capsys.readouterr().out.splitlines() == [
        "12:00:01 billing info request method=GET",
        "12:00:02 scheduling info request method=GET",
        "12:00:03 billing info request method=GET",
        "a line of a library",
    ]
    jalsa("logs", "billing", "--lines", "1")
    assert capsys.readouterr().out == "12:00:03 billing info request method=GET\n"
    jalsa("logs", "scheduling", "--json")
    assert json.loads(capsys.readouterr().out) == ENTRIES[1]
    jalsa("logs", "--lines", "0")
    assert capsys.readouterr().out == ""


def test_metrics_of_a_service_keep_their_comments_and_leave_the_others_out() -> None:
    text = """\
# HELP a_total A
# TYPE a_total counter
a_total{service="billing"} 1.0
a_total{service="scheduling"} 2.0
# HELP b B
# TYPE b gauge
b{service="scheduling"} 3.0
# HELP c C
# TYPE c gauge
c{pool="billing-web"} 4.0
c{pool="scheduling-web"} 5.0
# HELP d D
# TYPE d gauge
d 6.0""".splitlines()
    assert list(looking.of_service(text, "billing")) == [*text[:3], *text[7:10]]


def test_a_table_is_aligned_and_parts_of_a_cell_stand_below_each_other() -> None:
    table = walk.aligned(("call", "answer"), [("book", "done"), ("hours", "nine; ten")])
    assert table.splitlines() == [
        "call   answer",
        "-----  ------",
        "book   done",
        "hours  nine",
        "       ten",
    ]
