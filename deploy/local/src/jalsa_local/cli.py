"""The command `jalsa`: the local run, its tokens, and the contracts that are made from the code."""

import argparse
import os
import sys

from jalsa.service.policy import ROLES, SYSTEM
from jalsa_local.services import NAMES
from jalsa_local.settings import Settings


def main() -> None:
    """Run one of the commands."""
    arguments = _parser().parse_args()
    arguments.run(arguments)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="jalsa", description="Jalsa on one machine.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = commands.add_parser(
        "run",
        help="start everything on one port",
        description="Start the five services on JALSA_PORT (8080), with their data in JALSA_DATA (.jalsa), an embedded "
        "PostgreSQL, and the in-memory bus unless AMQP_URL is set. Ctrl-C stops it. Its state is kept.",
    )
    run.set_defaults(run=_run)
    token = commands.add_parser("token", help="print a token for the local run")
    token.add_argument("--tenant", required=True, help="the centre, such as agdar")
    token.add_argument(
        "--role",
        action="append",
        required=True,
        choices=sorted(ROLES | {SYSTEM}),
        help="may be given several times",
    )
    token.add_argument("--sub", default="developer", help="the login (default: developer)")
    token.add_argument("--provider-id", help="for clinicians: the provider whom the login belongs to")
    token.add_argument(
        "--events",
        action="append",
        metavar="SERVICE.AGGREGATE",
        help="for subscribers: what is granted. May be given several times",
    )
    token.add_argument(
        "--hours",
        type=float,
        default=24,
        help="how long it is valid (default: 24, the most unless JWT_MAX_HOURS says otherwise)",
    )
    token.set_defaults(run=_token)
    _add_looking(commands)
    contracts = commands.add_parser("contracts", help="what is made from the services' declarations of their events")
    contracts.add_argument(
        "action",
        choices=["write", "check", "release"],
        help="write the files. Fail where they differ from the code or break the last release's promise; "
        "take them as a release's",
    )
    contracts.set_defaults(run=_contracts)
    docs = commands.add_parser("docs", help="the pages of docs/ that are made from the code")
    docs.add_argument(
        "action",
        choices=["write", "check"],
        help="write the pages. Fail where a page differs from the code, also one that is written by hand",
    )
    docs.set_defaults(run=_docs)
    services = commands.add_parser("services", help="print the names of the services, or compare every list of them")
    services.add_argument("--check", action="store_true", help="fail where a file lists other services")
    services.set_defaults(run=_services)
    return parser


def _add_looking(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """What looks into a run, or tries it."""
    demo = commands.add_parser(
        "demo",
        help="make the five calls that `jalsa run` prints, and show what follows",
        description="Book a patient of the demonstration data into a group session, wait for the invoice and the "
        "messages that follow, search for free hours and plan a course. Print the answers as a table.",
    )
    demo.set_defaults(run=_demo)
    psql = commands.add_parser(
        "psql",
        help="open a service's database of the local run",
        description="Start psql on a service's database as the superuser, who sees the rows of every tenant. What "
        "follows the service's name is handed on to psql, for example: jalsa psql billing -c 'TABLE invoices'",
    )
    psql.add_argument("service", choices=NAMES, metavar="SERVICE", help=", ".join(NAMES))
    psql.add_argument("arguments", nargs=argparse.REMAINDER, metavar="…", help="handed on to psql")
    psql.set_defaults(run=_psql)
    service = commands.add_parser(
        "service",
        help="run a command of a service beside the local run",
        description="Run `python -m SERVICE COMMAND …` with the environment that the local run gives to the service, "
        "for example: jalsa service billing resume scheduling",
    )
    service.add_argument("service", choices=NAMES, metavar="SERVICE", help=", ".join(NAMES))
    service.add_argument(
        "arguments", nargs=argparse.REMAINDER, metavar="COMMAND …", help="the command, with what it needs"
    )
    service.set_defaults(run=_service)
    logs = commands.add_parser(
        "logs",
        help="show the log of the local run",
        description="Show the last lines of the log of the local run, of one service or of all. The log of a run that "
        "has ended is shown, too.",
    )
    logs.add_argument("service", nargs="?", choices=NAMES, metavar="SERVICE", help=", ".join(NAMES))
    logs.add_argument("--lines", type=_count, default=50, metavar="N", help="how many lines (default: 50)")
    logs.add_argument("--follow", action="store_true", help="go on with what is written, until Ctrl-C")
    logs.add_argument("--json", action="store_true", help="as it is in the file, a JSON object a line")
    logs.set_defaults(run=_logs)
    metrics = commands.add_parser(
        "metrics",
        help="show the metrics of the local run",
        description="Print the metrics of the local run in Prometheus' format. docs/metrics.md says what they mean.",
    )
    metrics.add_argument("service", nargs="?", choices=NAMES, metavar="SERVICE", help=", ".join(NAMES))
    metrics.set_defaults(run=_metrics)


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError("must be a whole number that is not negative")
    return int(text)


def _run(_: argparse.Namespace) -> None:
    from jalsa.db.migrate import MigrationError
    from jalsa.dev.cluster import ServerError
    from jalsa_local.run import run

    try:
        run()
    except (ServerError, MigrationError) as error:
        sys.exit(f"jalsa: {error}")


def _token(arguments: argparse.Namespace) -> None:
    from jalsa.dev.issuer import Issuer
    from jalsa.http.auth import person
    from jalsa.service.config import Config
    from jalsa.service.problems import Problem
    from jalsa_local.settings import Settings

    longest = int(os.environ.get("JWT_MAX_HOURS") or Config.jwt_max_hours)
    if not 0 < arguments.hours <= longest:
        sys.exit(f"jalsa: a token is valid for {longest} hours at most (JWT_MAX_HOURS).")
    claims = {"sub": arguments.sub, "tenant": arguments.tenant, "roles": arguments.role}
    claims |= {name: value for name in ("provider_id", "events") if (value := getattr(arguments, name))}
    try:
        if SYSTEM not in arguments.role:
            person(claims)
    except Problem as problem:
        sys.exit(f"jalsa: such a token is good for nothing: {problem.detail}")
    keys = Settings.from_env().data / "keys"
    if not (keys / "issuer.pem").exists():
        sys.exit(f"jalsa: there are no keys in {keys}. Start Jalsa with `make run`, or name its folder in JALSA_DATA.")
    token = Issuer(keys).token(
        arguments.tenant,
        arguments.role,
        subject=arguments.sub,
        provider_id=arguments.provider_id,
        events=arguments.events,
        seconds=int(arguments.hours * 3600),
    )
    print(token)


def _demo(_: argparse.Namespace) -> None:
    from jalsa.dev.issuer import Issuer
    from jalsa_local.settings import Running
    from jalsa_local.walk import demo

    data = Settings.from_env().data
    demo(Running.on(data), Issuer(data / "keys"))


def _psql(arguments: argparse.Namespace) -> None:
    from jalsa_local import looking

    looking.psql(Settings.from_env().data, arguments.service, arguments.arguments)


def _service(arguments: argparse.Namespace) -> None:
    from jalsa_local import looking

    looking.command(Settings.from_env(), arguments.service, arguments.arguments)


def _logs(arguments: argparse.Namespace) -> None:
    from jalsa_local import looking

    looking.end_with_the_reader()
    data = Settings.from_env().data
    looking.logs(data, arguments.service, lines=arguments.lines, follow=arguments.follow, as_json=arguments.json)


def _metrics(arguments: argparse.Namespace) -> None:
    from jalsa_local import looking

    looking.end_with_the_reader()
    looking.metrics(Settings.from_env().data, arguments.service)


def _contracts(arguments: argparse.Namespace) -> None:
    from jalsa_local import contracts
    from jalsa_local.services import ROOT

    if arguments.action == "write":
        print("\n".join(map(str, contracts.write(ROOT))) or "nothing to change")
        return
    if differing := contracts.differing(ROOT):
        sys.exit("These differ from the code. Run `jalsa contracts write`:\n" + "\n".join(map(str, differing)))
    if arguments.action == "release":
        contracts.release(ROOT)
    elif broken := contracts.broken(ROOT):
        sys.exit(
            "These break compatibility with the last release. Publish a new version beside the old one:\n"
            + "\n".join(broken)
        )


def _docs(arguments: argparse.Namespace) -> None:
    from jalsa_local import pages
    from jalsa_local.services import ROOT

    if arguments.action == "write":
        print("\n".join(map(str, pages.write(ROOT))) or "nothing to change")
    elif differing := pages.differing(ROOT):
        sys.exit("These pages differ from the code. Run `make docs`:\n" + "\n".join(map(str, differing)))
    if wrong := pages.wrong(ROOT):
        sys.exit("These pages are written by hand and differ from the code:\n" + "\n".join(wrong))


def _services(arguments: argparse.Namespace) -> None:
    from jalsa_local import listed
    from jalsa_local.services import ROOT

    if not arguments.check:
        print("\n".join(NAMES))
    elif differing := listed.differing(ROOT):
        sys.exit("These lists differ from deploy/services.txt:\n" + "\n".join(differing))
