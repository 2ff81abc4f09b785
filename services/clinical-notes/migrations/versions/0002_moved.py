"""A note is the only one of its provider in its session: both may change after a draft was begun.

The way back fails where two providers' notes of one session, or notes of one participant in two sessions, are stored.
"""

from alembic import op

revision = "0002"
down_revision = "0001"

_GROUP = "CREATE UNIQUE INDEX notes_group_once ON notes ({}) WHERE scope = 'GROUP'"
_PARTICIPANT = "CREATE UNIQUE INDEX notes_participant_once ON notes ({}) WHERE scope = 'INDIVIDUAL'"


def upgrade() -> None:
    op.execute("DROP INDEX notes_group_once, notes_participant_once")
    op.execute(_GROUP.format("tenant_id, session_id, provider_id"))
    op.execute(_PARTICIPANT.format("tenant_id, participant_id, session_id, provider_id"))


def downgrade() -> None:
    op.execute("DROP INDEX notes_group_once, notes_participant_once")
    op.execute(_GROUP.format("tenant_id, session_id"))
    op.execute(_PARTICIPANT.format("tenant_id, participant_id"))
