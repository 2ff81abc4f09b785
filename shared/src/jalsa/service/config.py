"""Configuration: the environment, parsed once into a frozen object. Secrets may come from files (`NAME_FILE`)."""

import re
from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Self, get_type_hints


class ConfigError(Exception):
    """A value is missing or bad. The message is the one line that the operator sees."""


_POSTGRESQL = r"postgresql(\+psycopg)?://.*"
_PORT = r"0*[1-9]\d{0,4}"
_COUNT = r"0*[1-9]\d*"
_KEY_SET = "(https?|file)://.*"
_SECONDS = r"\d+(\.\d+)?"


def setting(help: str, *, secret: bool = False, pattern: str = ".*", default: object = MISSING) -> Any:
    """One setting, as a dataclass field with a line of help, and the pattern that the variable's text must have."""
    return field(metadata={"help": help, "secret": secret, "pattern": pattern}, default=default)


@dataclass(frozen=True, kw_only=True)
class Config:
    """What every service reads. A service adds its own settings in a subclass."""

    database_url: str = setting(
        "PostgreSQL URL of the application role (web, worker)", secret=True, pattern=_POSTGRESQL, default=""
    )
    database_relay_url: str = setting(
        "PostgreSQL URL of the relay role (worker)", secret=True, pattern=_POSTGRESQL, default=""
    )
    database_owner_url: str = setting(
        "PostgreSQL URL of the owner role (migrate)", secret=True, pattern=_POSTGRESQL, default=""
    )
    amqp_url: str = setting(
        "RabbitMQ, amqp://user:password@host:5672/vhost (worker)",
        secret=True,
        pattern="(amqps?|memory)://.*",
        default="",
    )
    amqp_declare: str = setting(
        "yes: the worker declares exchanges, queues and bindings; no: jalsa.events.declarer does it, with its own user",
        pattern="yes|no",
        default="yes",
    )
    amqp_management_url: str = setting(
        "RabbitMQ's management API, http://host:15672, which is asked for lost bindings; empty: nobody looks for them",
        pattern="(https?://.+)?",
        default="",
    )
    peer_url: str = setting(
        "where the other services answer: a template, or `billing=http://…,…`", default="http://{service}-web:8000"
    )
    jwt_issuer: str = setting("the `iss` of callers' tokens", default="https://issuer.jalsa.test")
    jwt_audience: str = setting("the `aud` of callers' tokens", default="jalsa")
    jwt_max_hours: int = setting("the longest that a caller's token may be valid", pattern=_COUNT, default=24)
    jwks_url: str = setting(
        "JSON Web Key Set of that issuer (https or file URL; http on this machine)", pattern=_KEY_SET, default=""
    )
    service_key: str = setting(
        "EC P-256 private key, PEM, of this service alone, which signs its tokens (worker)", secret=True, default=""
    )
    service_jwks_url: str = setting(
        "JSON Web Key Set of our own services' public keys, each with its `service` (file or https URL; web)",
        pattern=_KEY_SET,
        default="",
    )
    host: str = setting("address that the web process binds", default="0.0.0.0")  # noqa: S104 a container's own
    port: int = setting("port of the web process", pattern=_PORT, default=8000)
    health_port: int = setting("port of the worker's /livez, /readyz and /metrics", pattern=_PORT, default=8001)
    web_workers: int = setting("gunicorn worker processes", pattern=_COUNT, default=2)
    web_threads: int = setting("requests of each that use the database at once", pattern=_COUNT, default=8)
    stop_delay: float = setting(
        "seconds for which a web process that was told to stop is not ready but still lets callers in",
        pattern=_SECONDS,
        default=0.0,
    )
    trusted_proxies: int = setting(
        "reverse proxies in front whose X-Forwarded-* headers count", pattern=r"\d+", default=0
    )
    log_level: str = setting("DEBUG, INFO, WARNING or ERROR", default="INFO")
    reconcile_seconds: float = setting(
        "how often the feeds are read while the bus works", pattern=_SECONDS, default=30.0
    )
    reconcile_down_seconds: float = setting("how often they are read while it does not", pattern=_SECONDS, default=3.0)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Raises ConfigError, with the variable's name, for a missing or bad value."""
        types = get_type_hints(cls)
        return cls(**{f.name: _read(f, types[f.name], environ) for f in fields(cls)})

    def require(self, *names: str) -> None:
        """Raises ConfigError unless each of the named settings has a value."""
        for f in fields(self):
            if f.name in names and getattr(self, f.name) == "":
                raise ConfigError(f"{f.name.upper()} is missing: {f.metadata['help']}")


def _read(f: "Field[str | float]", kind: type[str] | type[float], environ: Mapping[str, str]) -> Any:
    name = f.name.upper()
    raw = environ.get(name)
    if raw is None and (path := environ.get(f"{name}_FILE")):
        try:
            raw = Path(path).read_text("utf-8").strip()
        except OSError as error:
            raise ConfigError(f"{name}_FILE cannot be read: {error.strerror}") from None
        except UnicodeDecodeError:
            raise ConfigError(f"{name}_FILE cannot be read: it is not text in UTF-8") from None
    if raw is None:
        if f.default is MISSING:
            raise ConfigError(f"{name} is missing: {f.metadata['help']}")
        return f.default
    try:
        if not re.fullmatch(f.metadata["pattern"], raw, re.DOTALL):
            raise ValueError(name)
        return kind(raw)
    except ValueError:
        raise ConfigError(f"{name} is not a valid {kind.__name__}: {f.metadata['help']}") from None
