"""Which role may do what. What is not named here is refused. And whose notes a caller reads and writes."""

from uuid import UUID

from clinical_notes.domain import Reader
from jalsa.service.errors import Forbidden
from jalsa.service.policy import SUBSCRIBER, SYSTEM, Policy, Principal

_CLINICIAN = frozenset({"clinician"})
_MANAGER = frozenset({"manager"})

POLICY: Policy = {
    "notes.read": _CLINICIAN | _MANAGER,
    "notes.write": _CLINICIAN,
    "events.read": frozenset({"manager", "integration", SUBSCRIBER, SYSTEM}),
    "events.compare": frozenset({SYSTEM}),
    "events.operate": _MANAGER,
}


def reader_of(principal: Principal) -> Reader:
    """What the caller, who may read notes, may read of them."""
    return Reader(_provider_of(principal), reads_every_draft=bool(_MANAGER & principal.roles))


def author_of(principal: Principal) -> UUID:
    """The provider as whom the caller writes. Raises Forbidden where the token names none."""
    provider_id = _provider_of(principal)
    if provider_id is None:
        raise Forbidden("Your token has no provider_id.")
    return provider_id


def _provider_of(principal: Principal) -> UUID | None:
    try:
        return UUID(principal.provider_id or "")
    except ValueError:
        return None
