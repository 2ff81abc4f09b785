"""What is decided about two records that may be one person's."""

from jalsa.service.states import state_machine

OPEN, NOT_DUPLICATE, MERGED = "OPEN", "NOT_DUPLICATE", "MERGED"
#: Who was taken for two people may turn out to be one; and a merge is undone.
PAIR = state_machine("pair", OPEN, OPEN="NOT_DUPLICATE MERGED", NOT_DUPLICATE="MERGED", MERGED="OPEN")
