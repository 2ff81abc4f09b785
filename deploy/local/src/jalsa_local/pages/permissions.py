"""The permission matrix. It says which role has which permission in which service, and which operations need it."""

import re
from collections.abc import Iterator, Mapping

from jalsa.service.declaration import Service
from jalsa.service.policy import AUTHENTICATED, PUBLIC, ROLES, SYSTEM
from jalsa_local.offline import application
from jalsa_local.pages.markdown import table

_HEAD = """\
# Permissions

Each operation of a service names the permission that it needs, and the service's policy gives permissions to roles.
What is not given is refused with 403. `GET /<service>/v1/permissions` answers the caller's own permissions.
[access.md](access.md) says what the roles are for, and where a role is limited further: a clinician changes the own
schedule only, a subscriber reads restricted events only where the token grants them by name, and some fields have
readers of their own.

`system` is held by our own services alone. A permission that no operation names is asked for where a request contains
something that needs it, such as an override.
"""
_MARKS = {AUTHENTICATED: "a valid token", PUBLIC: "no token"}
#: The roles in the order of docs/access.md.
_ORDER = ("manager", "front-desk", "clinician", "records", "biller", "integration", "subscriber", SYSTEM)


def pages(services: Mapping[str, Service]) -> Iterator[tuple[str, str]]:
    """One page with a section for each service. Raises ValueError where a role has no column."""
    if unknown := {*ROLES, SYSTEM} ^ set(_ORDER):
        raise ValueError(f"The permission matrix has no column for {', '.join(sorted(unknown))}, or one too many.")
    yield "docs/permissions.md", "\n".join([_HEAD, *map(_section, services.values())])


def _section(service: Service) -> str:
    matrix = (
        (f"`{name}`", *("✓" if role in roles else "" for role in _ORDER)) for name, roles in service.policy.items()
    )
    return "\n".join(
        [
            f"## {service.name}\n",
            table(("permission", *_ORDER), matrix),
            table(("operation", "needs"), _operations(service)),
        ]
    )


def _operations(service: Service) -> Iterator[tuple[str, str]]:
    """Each operation below `/v1`, by path, and what it needs."""
    app = application(service)
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, sorted(rule.methods or ()))):
        if not rule.rule.startswith("/v1/"):
            continue
        permission = getattr(app.view_functions[rule.endpoint], "permission", "")
        path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", rule.rule)
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            yield f"`{method} {path}`", _MARKS.get(permission, f"`{permission}`")
