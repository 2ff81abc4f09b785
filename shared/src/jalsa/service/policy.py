"""Who may do what: roles, permissions and the caller, as a service declares them and as its rules see them."""

from collections.abc import Mapping
from dataclasses import dataclass

from jalsa.service.errors import Forbidden

SYSTEM = "system"
#: The role of systems that receive events, and do nothing else.
SUBSCRIBER = "subscriber"
ROLES = frozenset({"front-desk", "clinician", "biller", "records", "manager", "integration", SUBSCRIBER})
#: Maps a permission to the roles that have it. What is not named is refused.
Policy = Mapping[str, frozenset[str]]
#: The mark of a view that needs no token.
PUBLIC = "public"
#: The mark of a view for every caller with a valid token, whatever the roles.
AUTHENTICATED = "authenticated"


@dataclass(frozen=True)
class Principal:
    """The caller. `tenant` is `*` only for our own services.

    `provider_id` is set for clinicians, in its canonical form. `events` are the aggregates, `<service>.<aggregate>`,
    that a subscriber was granted. None stands for those that need no grant.
    """

    subject: str
    tenant: str
    roles: frozenset[str]
    provider_id: str | None = None
    events: frozenset[str] | None = None

    @property
    def acting_roles(self) -> frozenset[str]:
        """The roles that count for what is not for everybody. A clinician who is no provider is nobody's therapist."""
        return self.roles if self.provider_id else self.roles - {"clinician"}


@dataclass(frozen=True)
class Readers:
    """Who reads a field.

    `own` names the field with the id of the provider who reads it, too. Where `only_if` names a field, the rule holds
    for the records in which that one is true.
    """

    roles: frozenset[str]
    own: str | None = None
    only_if: str | None = None

    def include(self, principal: Principal, record: Mapping[str, object]) -> bool:
        """Whether the caller reads the field of this record."""
        if self.only_if is not None and not record.get(self.only_if, True):
            return True
        if self.roles & principal.acting_roles:
            return True
        own = str(record.get(self.own)) if self.own is not None else None
        return own is not None and own == principal.provider_id


def authorise(policy: Policy, permission: str | None, principal: Principal) -> None:
    """Raises Forbidden unless one of the caller's roles has the permission."""
    if permission == AUTHENTICATED:
        return
    allowed = policy.get(permission, frozenset()) if permission else frozenset()
    if not allowed & principal.roles:
        raise Forbidden
