"""The hand-written documents. Their links lead somewhere, and decision records say when and whether they hold."""

import re
import subprocess
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

from jalsa.service.policy import ROLES
from jalsa_local.services import load_all

ROOT = Path(__file__).parents[3]
_FENCE = re.compile(r"^(`{3,}|~{3,}).*?^\1[^\S\n]*$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`[^`\n]*`")
_LINK = re.compile(r"\[[^\]\n]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} +(.+?) *#*$", re.MULTILINE)
_RECORD = re.compile(
    r"# (\d+)\. .+\n\nDate: 20\d\d-[01]\d-[0-3]\d  \n"
    r"Status: (accepted|superseded by \[ADR \d+\]\(\d{4}-[a-z0-9-]+\.md\))\."
)
#: Names of things that only somebody outside of this repository could look up.
_ELSEWHERE = re.compile(r"\bthe design\b|\bDESIGN\.md|\bdesign/|\bhouse\.md|\bsection \d", re.IGNORECASE)


@cache
def files() -> tuple[str, ...]:
    """Every file that is, or is about to be, in the repository."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()
    return tuple(sorted(path for path in listed if (ROOT / path).exists()))


def pages() -> list[str]:
    """Every Markdown file."""
    return [path for path in files() if path.endswith(".md")]


def prose(text: str) -> str:
    """The text without its code."""
    return _CODE.sub("", _FENCE.sub("", text))


def anchors(text: str) -> set[str]:
    """The fragments by which a page's headings are linked to."""
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in _HEADING.findall(_FENCE.sub("", text)))
    return {heading.strip().replace(" ", "-") for heading in plain}


def lost(page: Path, text: str) -> list[str]:
    """The relative links of a page that lead nowhere."""
    found = []
    for link in _LINK.findall(prose(text)):
        path, _, fragment = unquote(link).partition("#")
        if re.match(r"[a-z]+:", path):
            continue
        target = (page.parent / path).resolve()
        inside = target.exists() and target.is_relative_to(ROOT)
        if not inside or (fragment and fragment not in anchors(target.read_text() if path else text)):
            found.append(link)
    return found


def test_relative_links_lead_somewhere() -> None:
    assert "README.md" in pages()
    assert {path: links for path in pages() if (links := lost(ROOT / path, (ROOT / path).read_text()))} == {}


@pytest.mark.parametrize("link", ["docs/none.md", "README.md#none", "#none", "../outside.md"])
def test_a_link_that_leads_nowhere_is_found(link: str) -> None:
    assert lost(ROOT / "README.md", f"# Here\n\n[here](#here), `[code](none.md)` and [there]({link})") == [link]


@pytest.mark.parametrize("path", sorted((ROOT / "docs/adr").glob("0*.md")), ids=lambda path: path.stem[:4])
def test_a_decision_record_has_a_date_and_a_status_and_speaks_of_this_repository_only(path: Path) -> None:
    text = path.read_text()
    head = _RECORD.match(text)
    assert head is not None, text[:200]
    assert int(head[1]) == int(path.name[:4])
    assert _ELSEWHERE.findall(text) == []


#: Pages that name files of this repository. Those of docs/how-to name files that a reader is to make.
_NAMING_FILES = (
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "docs/guide.md",
    "docs/locking.md",
    "docs/access.md",
)
_FILE = re.compile(r"`((?:services|shared|deploy|docs|tests-e2e|\.ci)/[\w./-]+\.\w+)`")


@pytest.mark.parametrize("page", _NAMING_FILES)
def test_the_files_that_a_page_names_are_there(page: str) -> None:
    assert [path for path in _FILE.findall((ROOT / page).read_text()) if not (ROOT / path).exists()] == []


def test_the_map_of_folders_has_each_of_the_two_upper_levels() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    map_ = text[text.index("## Where things are") : text.index("Every service has the same files")]
    named = [line.split(" ", 1)[0] for line in map_.splitlines() if re.match(r"\S+/ ", line)]
    there = {f"{'/'.join(path.split('/')[:depth])}/" for path in files() for depth in (1, 2)}
    assert len(named) == len(set(named))
    assert set(named) == {folder for folder in there if (ROOT / folder).is_dir()}


def test_the_glossary_has_what_services_publish_and_every_record_with_states() -> None:
    rows = re.findall(r"^\| ([^|]+) \|", (ROOT / "docs/glossary.md").read_text(), re.MULTILINE)
    words = {word.strip() for row in rows for word in re.sub(r"\(.*?\)", "", row).split(",")}
    services = load_all().values()
    aggregates = {event.aggregate for service in services for event in service.publishes}
    records = {machine.name for service in services for machine in service.machines}
    assert {"session", "spot", "placement"} <= words
    assert (aggregates | records) - words == set()


def test_the_guide_to_authentication_has_every_role() -> None:
    text = (ROOT / "docs/authentication.md").read_text()
    assert {role for role in ROLES if f"| `{role}` |" not in text} == set()
