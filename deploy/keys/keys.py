"""The secrets of the compose stack. Makes them where they are missing, and prints a token or a password.

Every password follows from one random secret, so that `make` may run before each start and changes nothing that is in
use. Each container has a volume of its own and finds there only what it may know. The web, worker and migrate processes
of a service run under different users, so that a broken-into web process has no way to the owner's or the relay's role.
"""

import argparse
import base64
import hashlib
import hmac
import json
import os
import secrets
import sys
from collections.abc import Mapping
from pathlib import Path

from jalsa.dev.issuer import Issuer

KEYS = Path("/keys")
DEFINITIONS = Path("/deploy/rabbitmq/definitions.json")
SERVICES = tuple((Path(__file__).parents[1] / "services.txt").read_text().split())
#: As in docker-compose.yml.
USERS = {"web": 10001, "worker": 10002, "migrate": 10003}
ROLES = ("owner", "app", "relay")


def main() -> None:
    parser = argparse.ArgumentParser(prog="keys", description=(__doc__ or "").splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("make", help="make what is missing")
    token = commands.add_parser("token", help="print a caller's token, valid for a day")
    token.add_argument("--tenant", required=True)
    token.add_argument("--role", required=True, action="append", dest="roles")
    token.add_argument("--subject", default="developer")
    token.add_argument("--provider-id")
    token.add_argument("--events", action="append", metavar="SERVICE.AGGREGATE", help="a subscriber's grant")
    rotate = commands.add_parser("rotate", help="change the key with which a service signs, in three steps")
    rotate.add_argument("step", choices=["prepare", "switch", "finish"])
    rotate.add_argument("service", choices=SERVICES)
    password = commands.add_parser("password", help="print a password, of the bus or of the database")
    password.add_argument("user", help="jalsa-admin, agdar-lab, postgres, billing_app, …")
    arguments = parser.parse_args()
    os.umask(0o077)

    issuer = Issuer.in_folder(KEYS / "issuer")
    secret = _secret(KEYS / "issuer" / "passwords.secret")
    if arguments.command == "token":
        print(
            issuer.token(
                arguments.tenant,
                arguments.roles,
                subject=arguments.subject,
                provider_id=arguments.provider_id,
                events=arguments.events,
            )
        )
    elif arguments.command == "password":
        print(_password(secret, arguments.user))
    elif arguments.command == "rotate":
        rotate_service_key(issuer, arguments.service, arguments.step)
        _make(issuer, secret)
    else:
        _make(issuer, secret)


def _make(issuer: Issuer, secret: bytes) -> None:
    for service in SERVICES:
        issuer.service_key(service)  # all of them first, because each web process is given the set of all
    _store(KEYS / "postgres", {role: _password(secret, role) for role in _database_users()})
    _store(KEYS / "rabbitmq", {"definitions.json": _definitions(secret)})
    # as no service has it, because who may declare a queue may also read it
    declaring = f"amqp://jalsa-topology:{_password(secret, 'jalsa-topology')}@rabbitmq:5672/%2F"
    _store(KEYS / "topology", {"amqp_url": declaring}, USERS["worker"])
    for service in SERVICES:
        for process, files in _of_service(service, issuer, secret).items():
            _store(KEYS / service / process, files, USERS[process])


def rotate_service_key(issuer: Issuer, service: str, step: str) -> None:
    """One step of three (docs/runbooks/service-keys.md). Raises SystemExit where it is not this step's turn.

    After `prepare` a next key is accepted beside the one in use. After `switch` the service signs with it, and the old
    one is still accepted. After `finish` the old one is no longer accepted.
    """
    folder = issuer.folder / "services"
    used, following, old = (folder / f"{service}{mark}.pem" for mark in ("", ".next", ".old"))
    needs, in_the_way = {"prepare": (used, following), "switch": (following, old), "finish": (old, following)}[step]
    if not needs.exists() or in_the_way.exists():
        sys.exit(f"keys: {service} is not at this step; the steps are prepare, switch, finish")
    if step == "prepare":
        issuer.service_key(f"{service}.next")
    elif step == "switch":
        used.rename(old)
        following.rename(used)
    else:
        old.unlink()
    issuer.list_service_keys()


def _database_users() -> list[str]:
    return ["postgres", *(f"{_underscored(service)}_{role}" for service in SERVICES for role in ROLES)]


def _of_service(service: str, issuer: Issuer, secret: bytes) -> dict[str, dict[str, str]]:
    database = _underscored(service)
    owner, app, relay = (
        f"postgresql://{database}_{role}:{_password(secret, f'{database}_{role}')}@postgres:5432/{database}"
        for role in ROLES
    )
    jwks = (issuer.folder / "jwks.json").read_text()
    return {
        "web": {"database_url": app, "services.json": issuer.list_service_keys(), "jwks.json": jwks},
        "worker": {
            "database_url": app,
            "database_relay_url": relay,
            "amqp_url": f"amqp://{service}:{_password(secret, service)}@rabbitmq:5672/%2F",
            "service_key": issuer.service_key(service),
        },
        "migrate": {"database_owner_url": owner},
    }


def _definitions(secret: bytes) -> str:
    definitions = json.loads(DEFINITIONS.read_text())
    for user in definitions["users"]:
        user["password_hash"] = _broker_hash(_password(secret, user["name"]))
    return json.dumps(definitions, indent=2)


def _broker_hash(password: str) -> str:
    """RabbitMQ's salted SHA-256. The salt follows from the password, whose 128 random bits need none."""
    salt = hashlib.sha256(password.encode()).digest()[:4]
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def _password(secret: bytes, user: str) -> str:
    return hmac.digest(secret, user.encode(), hashlib.sha256).hex()[:32]


def _secret(path: Path) -> bytes:
    if not path.exists():
        path.touch(mode=0o600)
        path.write_bytes(secrets.token_bytes(32))
    return path.read_bytes()


def _store(folder: Path, files: Mapping[str, str], user: int | None = None) -> None:
    """Where `user` is None, the reader's number differs between images, and the volume is its own alone."""
    folder.mkdir(exist_ok=True)
    for name, content in files.items():
        path = folder / name
        path.write_text(content)
        path.chmod(0o444 if user is None else 0o400)
    if user is not None:
        for path in (*(folder / name for name in files), folder):
            os.chown(path, user, user)
        folder.chmod(0o500)


def _underscored(service: str) -> str:
    return service.replace("-", "_")


if __name__ == "__main__":
    main()
