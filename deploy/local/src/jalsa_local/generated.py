"""Writes files that are generated from the code and committed, and finds those that are not up to date."""

from collections.abc import Iterable, Mapping
from pathlib import Path

#: Each file's text by its path below the repository's root.
Files = Mapping[Path, str]


def differing(root: Path, wanted: Files, present: Iterable[Path]) -> list[Path]:
    """The paths, below `root`, of files that are missing, have another text, or are present and not wanted any more."""
    stale = set(present) - set(wanted)
    changed = {path for path, text in wanted.items() if not (root / path).exists() or (root / path).read_text() != text}
    return sorted(stale | changed)


def write(root: Path, wanted: Files, present: Iterable[Path]) -> list[Path]:
    """Write what differs, remove what is not wanted any more, and return their paths."""
    paths = differing(root, wanted, present)
    for path in paths:
        if path in wanted:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(wanted[path])
        else:
            (root / path).unlink()
    return paths
