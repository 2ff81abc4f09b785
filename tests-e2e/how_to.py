"""A Markdown page as a change of files: whole files under their path in bold, and fences of the kind `diff`."""

import re
from pathlib import Path

_STEP = re.compile(
    r"^\*\*`(?P<path>[^`\n]+)`\*\*\n\n```\w+\n(?P<text>.*?)^```$|^```diff\n--- (?P<changed>\S+)\n(?P<diff>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


def apply(page: str, root: Path) -> list[str]:
    """Make a page's changes in a folder. Returns the paths, in order. Raises ValueError for what does not fit."""
    touched = []
    for step in _STEP.finditer(page):
        if step["path"]:
            _create(root / step["path"], step["text"])
        else:
            _change(root / step["changed"], step["diff"])
        touched.append(step["path"] or step["changed"])
    return touched


def _create(path: Path, text: str) -> None:
    if path.exists():
        raise ValueError(f"{path} is there already")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def _change(path: Path, diff: str) -> None:
    lines = diff.splitlines()
    before = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("+"))
    after = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("-"))
    text = path.read_text()
    if text.count(before) != 1:
        raise ValueError(f"{path} has these lines {text.count(before)} times:\n{before}")
    path.write_text(text.replace(before, after))
