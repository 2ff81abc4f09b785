"""The services are listed once. Every other list, in files that cannot read it, is compared with it."""

import shutil
from pathlib import Path

import pytest

from jalsa_local import listed
from jalsa_local.services import NAMES, ROOT, load_all

COMPARED = ("pyproject.toml", "docker-compose.yml", "deploy/gateway/nginx.conf", "README.md")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what is compared."""
    for path in (*COMPARED, *(f"services/{name}/pyproject.toml" for name in NAMES)):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    return tmp_path


def test_every_list_of_services_agrees_with_the_one_that_is_written() -> None:
    assert listed.differing(ROOT) == []
    assert {name: service.name for name, service in load_all().items()} == {name: name for name in NAMES}


def test_every_list_misses_a_service_that_was_written_down_there_alone() -> None:
    places = listed.differing(ROOT, [*NAMES, "transport"])
    assert len(places) >= 20
    for name in COMPARED[:2]:
        assert any(place.startswith(name) for place in places)


@pytest.mark.parametrize(
    ("file", "old", "new", "told"),
    [
        ("pyproject.toml", "services/billing/src", "services/bill/src", "pyproject.toml, mypy_path,"),
        ("pyproject.toml", 'modules = ["scheduling", ', "modules = [", "pyproject.toml, modules of"),
        ("pyproject.toml", 'root_packages = ["jalsa", "scheduling", ', 'root_packages = ["jalsa", ', "root_packages"),
        ("docker-compose.yml", "  billing-worker:", "  bill-worker:", "the worker containers"),
        ("docker-compose.yml", "SERVICE: billing", "SERVICE: scheduling", "the builds"),
        ("docker-compose.yml", "image: jalsa/billing:", "image: jalsa/bill:", "the images of"),
        ("docker-compose.yml", '["billing-keys:/keys:ro"]', '["scheduling-keys:/keys:ro"]', "the keys of"),
        ("docker-compose.yml", "      billing-web: {", "      bill-web: {", "the gateway's depends_on"),
        ("docker-compose.yml", "- billing-keys:", "- bill-keys:", "the volumes of keys"),
        ("deploy/gateway/nginx.conf", '"billing":', '"bill":', "the index"),
        ("deploy/gateway/nginx.conf", "|billing|", "|", "the published paths"),
        ("README.md", "(services/billing/README.md)", "(README.md)", "README.md"),
    ],
)
def test_a_list_that_differs_is_named(checkout: Path, file: str, old: str, new: str, told: str) -> None:
    path = checkout / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    assert any(told in sentence for sentence in listed.differing(checkout))


def test_a_folder_of_a_service_that_is_not_listed_is_named(checkout: Path) -> None:
    (checkout / "services/transport").mkdir()
    (checkout / "services/transport/pyproject.toml").touch()
    [sentence] = listed.differing(checkout)
    assert sentence.startswith("The folder services lists")
