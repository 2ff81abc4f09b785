"""The generated pages of docs/ are as the code says, and what a page lacks is found."""

import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jalsa.events.contracts import EventType
from jalsa.events.data import Data
from jalsa.service.declaration import Service
from jalsa_local import pages
from jalsa_local.pages import errors, events, metrics, permissions
from jalsa_local.services import NAMES, ROOT, load_all


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """A copy of the committed pages, below a root of its own."""
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    return tmp_path


@pytest.fixture
def services() -> Mapping[str, Service]:
    return load_all()


def test_the_committed_pages_are_as_the_code_says() -> None:
    assert pages.differing(ROOT) == []
    assert pages.wrong(ROOT) == []


def test_a_page_that_was_edited_removed_or_left_behind_is_found_and_mended(docs: Path) -> None:
    edited, removed, left = (docs / "docs" / name for name in ("permissions.md", "data-model.md", "events/gone.md"))
    edited.write_text(edited.read_text().replace("✓", "", 1))
    removed.unlink()
    left.write_text(f"{pages.MARK}\n# Events of a service that is gone\n")
    found = {Path("docs/permissions.md"), Path("docs/data-model.md"), Path("docs/events/gone.md")}
    assert set(pages.differing(docs)) == found
    assert set(pages.write(docs)) == found
    assert (pages.differing(docs), left.exists()) == ([], False)


def test_pages_that_are_written_by_hand_are_left_alone(docs: Path) -> None:
    pages.write(docs)
    assert (docs / "docs/events/README.md").read_text() == (ROOT / "docs/events/README.md").read_text()


def test_the_catalogue_leads_to_every_event(services: Mapping[str, Service]) -> None:
    catalogue = (ROOT / "docs/events/catalogue.md").read_text()
    for service in services.values():
        for event in service.publishes:
            [(page, anchor)] = re.findall(rf"\| \[{event.name}\]\(([a-z-]+\.md)#([a-z0-9]+)\) \|", catalogue)
            headings = re.findall(r"^## (.+)$", (ROOT / "docs/events" / page).read_text(), re.MULTILINE)
            assert anchor in {heading.lower().replace(".", "") for heading in headings}


def test_an_event_names_its_readers_fields_and_examples() -> None:
    page = (ROOT / "docs/events/scheduling.md").read_text()
    booked = page.partition("## AppointmentBooked.v1\n")[2].partition("\n## ")[0]
    assert "| read by | patient-files, clinical-notes, billing, notifications |" in booked
    assert "| `session.duration_minutes` | integer | always | How long the session takes, in minutes. |" in booked
    assert "| `room` | object or null | always |" in booked
    assert "| `recorded_late` | boolean | sometimes |" in booked
    assert '"type": "jalsa.scheduling.AppointmentBooked.v1"' in booked
    assert "[package.json](../../shared/contracts/AppointmentBooked/v1/package.json)" in booked
    scheduled = page.partition("## PackageScheduled.v1\n")[2].partition("\n## ")[0]
    assert "| `sessions[].provider.user_id` | string | always |" in scheduled


class _Told(Data):
    """Something happened."""

    meanings = {"name": "A name."}  # noqa: RUF012
    name: str


class _Untold(_Told):
    pass


class _WithMore(_Told):
    """Something happened, and a field of it is not described."""

    other: str


def publishing(services: Mapping[str, Service], data: type[Data]) -> dict[str, Service]:
    """The services, where billing publishes nothing but an event with this data, under the name of one that it has."""
    event = EventType("billing", "invoice", "InvoicePaid", data)
    return {**services, "billing": replace(services["billing"], publishes=(event,))}


def test_an_event_without_a_description_is_refused(services: Mapping[str, Service]) -> None:
    assert dict(events.pages(publishing(services, _Told)))
    with pytest.raises(ValueError, match="InvoicePaid has no description"):
        dict(events.pages(publishing(services, _Untold)))


def test_a_field_without_a_description_is_refused(services: Mapping[str, Service]) -> None:
    with pytest.raises(ValueError, match=r"InvoicePaid.v1: the field other has no description"):
        dict(events.pages(publishing(services, _WithMore)))


@pytest.mark.parametrize("name", NAMES)
def test_the_matrix_has_every_permission_and_every_operation(name: str, services: Mapping[str, Service]) -> None:
    page = (ROOT / "docs/permissions.md").read_text()
    section = page.partition(f"## {name}\n")[2].partition("\n## ")[0]
    matrix = dict(re.findall(r"^\| `([a-z.-]+)` \| (.+) \|$", section, re.MULTILINE))
    policy = services[name].policy
    assert set(matrix) == set(policy)
    for permission, marks in matrix.items():
        held = [mark.strip() == "✓" for mark in marks.split("|")]
        assert {role for role, has in zip(permissions._ORDER, held, strict=True) if has} == policy[permission]
    needs = set(re.findall(r"^\| `[A-Z]+ /v1/\S+` \| (.+) \|$", section, re.MULTILINE))
    assert {"a valid token", "no token"} < needs
    assert {need.strip("`") for need in needs} - {"a valid token", "no token"} <= set(policy)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            "| `jalsa_bus_up` | gauge | service |",
            "| `jalsa_bus_down` | gauge | service |",
            "lacks the metric jalsa_bus_up",
        ),
        (
            "| `jalsa_bus_up` | gauge | service |",
            "| `jalsa_bus_down` | gauge | service |",
            "jalsa_bus_down, which is not",
        ),
        ("| `jalsa_bus_up` | gauge |", "| `jalsa_bus_up` | counter |", "jalsa_bus_up is a gauge"),
        ("| gauge | service, work |", "| gauge | service |", "with the labels service, work"),
    ],
)
def test_a_metric_that_the_page_has_wrong_is_named(docs: Path, old: str, new: str, told: str) -> None:
    page = docs / "docs/metrics.md"
    assert old in page.read_text()
    page.write_text(page.read_text().replace(old, new))
    assert any(told in sentence for sentence in metrics.differences(docs))


def test_the_data_model_has_every_table_and_reference_of_the_models() -> None:
    page = (ROOT / "docs/data-model.md").read_text()
    billing = page.partition("## billing\n")[2].partition("\n## ")[0]
    assert "    invoices ||--o{ payments : " in billing
    assert "        numeric_14_2 amount\n" in billing
    entities: dict[str, Any] = {}
    for name in NAMES:
        section = page.partition(f"## {name}\n")[2].partition("\n## ")[0]
        entities[name] = set(re.findall(r"^    (\w+) \{$", section, re.MULTILINE))
        assert entities[name] == set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE))
    assert {"sessions", "participants", "packages"} <= entities["scheduling"]


def test_every_code_that_is_answered_is_in_the_error_catalogue(services: Mapping[str, Service]) -> None:
    raised = re.compile(
        r"""Problem\(\s*\d{3},\s*"([a-z-]+)"|code = "([a-z-]+)"|edge_problem\("([a-z-]+)"\)|\d{3}: "([a-z-]+)\""""
    )
    sources = [path.read_text() for path in (ROOT / "shared/src").rglob("*.py")]
    answered = {name for source in sources for names in raised.findall(source) for name in names if name}
    assert {"unauthenticated", "internal-error", "idempotency-key-reused"} <= answered
    assert answered - errors.documented(services) == set()


def test_the_error_catalogue_has_both_languages_and_names_who_answers(services: Mapping[str, Service]) -> None:
    [(path, text)] = errors.pages(services)
    assert path == "docs/errors.md"
    [line] = [line for line in text.splitlines() if line.startswith("| `note-exists` |") and "group" in line]
    assert "جماعية" in line
    assert line.endswith("| clinical-notes |")
