"""State machines as tables: the checks, the documents' diagrams and the tests are made from the same one."""

from collections.abc import Mapping
from dataclasses import dataclass

from jalsa.errors import conflict


@dataclass(frozen=True)
class StateMachine:
    """`moves` maps each state to the states that it may become; a state that maps to nothing is final."""

    name: str
    initial: str
    moves: Mapping[str, frozenset[str]]

    def check(self, current: str, target: str) -> None:
        """Raises the 409 problem `invalid-transition` unless the table has the move."""
        if target not in self.moves[current]:
            article = "An" if self.name[0] in "aeiou" else "A"
            raise conflict("invalid-transition", f"{article} {self.name} that is {current} cannot become {target}.")

    @property
    def states(self) -> tuple[str, ...]:
        """Every state, the initial one first."""
        return tuple(self.moves)

    def mermaid(self) -> str:
        """The diagram for the documents."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.initial}"]
        for state, targets in self.moves.items():
            lines += [f"    {state} --> {target}" for target in sorted(targets)]
            if not targets:
                lines.append(f"    {state} --> [*]")
        return "\n".join(lines)


def table(name: str, initial: str, **moves: str) -> StateMachine:
    """`table("lamp", "OFF", OFF="ON", ON="OFF BROKEN", BROKEN="")`."""
    return StateMachine(name, initial, {state: frozenset(targets.split()) for state, targets in moves.items()})
