"""State machines as tables. The checks, the documents' diagrams and the tests are made from the same one."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from jalsa.service.errors import NoSuchMove, NoSuchUndo


@dataclass(frozen=True)
class StateMachine:
    """`moves` maps each state to the states that it may become. A state that maps to nothing is final.

    `undo` maps a state to those to which a slip may be taken back. Nothing but an undo makes these moves.
    """

    name: str
    initial: str
    moves: Mapping[str, frozenset[str]]
    undo: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def check(self, current: str, target: str) -> None:
        """Raises NoSuchMove unless the table has the move."""
        if target not in self.moves[current]:
            raise NoSuchMove(self.name, current, target)

    def check_undo(self, current: str, target: str) -> None:
        """Raises NoSuchUndo unless the table has the move back."""
        if target not in self.undo.get(current, ()):
            raise NoSuchUndo(self.name, current, target)

    @property
    def states(self) -> tuple[str, ...]:
        """Every state, the initial one first."""
        return tuple(self.moves)

    def mermaid(self) -> str:
        """The diagram for the documents."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.initial}"]
        for state, targets in self.moves.items():
            lines += [f"    {state} --> {target}" for target in sorted(targets)]
            lines += [f"    {state} --> {target}: undo" for target in sorted(self.undo.get(state, ()))]
            if not targets:
                lines.append(f"    {state} --> [*]")
        return "\n".join(lines)


def state_machine(name: str, initial: str, undo: Mapping[str, str] | None = None, **moves: str) -> StateMachine:
    """`state_machine("lamp", "OFF", undo={"BROKEN": "ON"}, OFF="ON", ON="OFF BROKEN", BROKEN="")`."""
    return StateMachine(name, initial, _targets(moves), _targets(undo or {}))


def _targets(moves: Mapping[str, str]) -> Mapping[str, frozenset[str]]:
    return {state: frozenset(targets.split()) for state, targets in moves.items()}
