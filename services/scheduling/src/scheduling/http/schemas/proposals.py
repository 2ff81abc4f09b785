"""The schemas of proposals for the sessions that an absence affects, and of the decisions about them."""

from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from jalsa.http.fields import FreeText, Instant
from jalsa.service.commands import Loaded
from jalsa.service.fields import AnyField
from jalsa.service.json_types import JsonObject
from scheduling.absences.commands import ACTIONS, CANCEL, KEEP, SUBSTITUTE, ApplyProposals, ChangeAffectedSession
from scheduling.absences.queries.proposals import MAX_DAYS, MAX_PROPOSALS
from scheduling.http.schemas.availability import SlotProvider, SlotRoom
from scheduling.http.schemas.sessions import Override, SessionAnswer
from scheduling.http.schemas.setup import Affected, ClosureAnswer, TimeOffAnswer


class ProposedSlot(Schema):
    """A proposed slot. An item of `apply` uses its times and ids."""

    starts_at = Instant()
    ends_at = Instant()
    provider_id = fields.UUID(attribute="provider.id")
    provider = fields.Nested(SlotProvider())
    room_id = fields.UUID(attribute="room.id", dump_default=None, allow_none=True)
    room = fields.Nested(SlotRoom(), allow_none=True)


class Proposal(Schema):
    """A proposal.

    All proposals of one answer can be applied together, whichever of the two is chosen for each session.
    """

    substitute = fields.Nested(
        ProposedSlot(),
        allow_none=True,
        metadata={
            "description": (
                "Another provider with the same discipline and in the same clinic, at the same time and in the "
                "same room"
            )
        },
    )
    new_slot = fields.Nested(
        ProposedSlot(),
        allow_none=True,
        metadata={"description": f"The provider's earliest slot in the {MAX_DAYS} days after the absence"},
    )
    reason = fields.String(
        allow_none=True, metadata={"description": "Why there is neither a substitute nor a new slot"}
    )


class ProposedFor(Affected):
    proposal = fields.Nested(
        Proposal(),
        allow_none=True,
        metadata={
            "description": (
                f"For the first {MAX_PROPOSALS} sessions that are SCHEDULED and have not started. The others have null"
            )
        },
    )


class NewTimeOffAnswer(TimeOffAnswer):
    affected_sessions = fields.List(
        fields.Nested(ProposedFor()),
        metadata={"description": "The live sessions that the absence affects. They stay until a decision is applied"},
    )


class NewClosureAnswer(ClosureAnswer):
    affected_sessions = fields.List(
        fields.Nested(ProposedFor()),
        metadata={"description": "The live sessions that the closure affects. They stay until a decision is applied"},
    )


class ProposalsAnswer(Schema):
    items = fields.List(
        fields.Nested(ProposedFor()),
        metadata={
            "description": f"The first {MAX_PROPOSALS} sessions that are SCHEDULED and have not started, by start"
        },
    )
    remaining = fields.Integer(
        metadata={
            "description": "How many more sessions there are. Proposals for them are made when these have been handled"
        }
    )


#: The parts of a session's placement that an item may contain.
_PLACEMENT = frozenset({"provider_id", "starts_at", "room_id"})


class ApplyItem(Loaded):
    into = ChangeAffectedSession

    session_id = fields.UUID(required=True)
    action = fields.String(required=True, validate=validate.OneOf(ACTIONS))
    provider_id = fields.UUID(
        metadata={
            "description": "With SUBSTITUTE, the proposed provider if absent. With MOVE, the current provider if absent"
        }
    )
    starts_at = Instant(metadata={"description": "With MOVE, the proposed start if absent"})
    room_id = fields.UUID(
        allow_none=True,
        metadata={
            "description": "If absent, the proposed room if the slot is the proposed one, or else the current room"
        },
    )

    @validates_schema
    def _fits_its_action(self, data: JsonObject, **_: object) -> None:
        if data["action"] in (CANCEL, KEEP) and (named := _PLACEMENT & set(data)):
            raise ValidationError("Only for SUBSTITUTE and MOVE.", min(named))
        if data["action"] == SUBSTITUTE and "starts_at" in data:
            raise ValidationError(
                "Only for MOVE, because a substitute holds the session at its current time.", "starts_at"
            )


class ApplyBody(Loaded):
    into = ApplyProposals

    items = fields.List(fields.Nested(ApplyItem()), required=True, validate=validate.Length(1, MAX_PROPOSALS))
    reason = FreeText(max=500, allow_none=True, load_default=None)
    override = fields.Nested(Override())

    @validates_schema
    def _names_each_once(self, data: JsonObject, **_: object) -> None:
        ids = [item.session_id for item in data["items"]]
        if len(set(ids)) < len(ids):
            raise ValidationError("A session must not occur twice.", "items")


class Applied(Schema):
    action = fields.String()
    session = fields.Nested(SessionAnswer())


def _applied() -> AnyField:
    return fields.List(
        fields.Nested(Applied()), metadata={"description": "What was done for each item, in the order of the request"}
    )


class AppliedAnswer(TimeOffAnswer):
    """The absence with the sessions that it still affects."""

    applied = _applied()


class AppliedToClosureAnswer(ClosureAnswer):
    """The closure with the sessions that it still affects."""

    applied = _applied()
