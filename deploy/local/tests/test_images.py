"""The images that everything is built on and runs on: each named once, with its patch version, and replaceable."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
COMPOSE = (ROOT / "docker-compose.yml").read_text()
#: `${POSTGRES_IMAGE:-postgres:16.15}`
DEFAULTS = dict(re.findall(r"\$\{(\w+_IMAGE):-([^}]+)\}", COMPOSE))
PARTS_OF_A_RELEASE = {"PYTHON_IMAGE": 3, "POSTGRES_IMAGE": 2, "RABBITMQ_IMAGE": 3, "NGINX_IMAGE": 3}


def test_every_foreign_image_is_of_one_release() -> None:
    assert set(DEFAULTS) == set(PARTS_OF_A_RELEASE)
    for name, parts in PARTS_OF_A_RELEASE.items():
        version = DEFAULTS[name].partition(":")[2].partition("-")[0]
        assert re.fullmatch(r"\d+" + r"\.\d+" * (parts - 1), version), DEFAULTS[name]


def test_no_image_is_named_without_a_variable() -> None:
    images = re.findall(r"^ +image: (.+)$", COMPOSE, re.MULTILINE)
    assert len(images) > 15
    assert [image for image in images if not re.match(r"\$\{\w+_IMAGE:-|jalsa/", image)] == []


def test_images_that_are_built_alone_stand_on_the_same_python() -> None:
    assert f"ARG PYTHON_IMAGE={DEFAULTS['PYTHON_IMAGE']}\n" in (ROOT / "deploy/Dockerfile").read_text()


@pytest.mark.parametrize(
    ("service", "printed"),
    [("billing", "DATABASE_URL"), ("clinical-notes", "DATABASE_URL")],
)
def test_an_image_runs_the_service_that_it_was_built_for(service: str, printed: str, tmp_path: Path) -> None:
    """The layout that deploy/Dockerfile makes, and its entry point."""
    shutil.copytree(ROOT / "services" / service / "src", tmp_path / "service/src")
    shutil.copytree(ROOT / "services" / service / "migrations", tmp_path / "service/migrations")
    run = python_m_jalsa("config", JALSA_SERVICE=service, PYTHONPATH=f"{ROOT / 'shared/src'}:{tmp_path}/service/src")
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.startswith(printed)
    found = f"""
import {service.replace("-", "_")}.app as app
from jalsa.cli import migrations_folder
print(migrations_folder(app.SERVICE))
"""
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}/service/src"}
    done = subprocess.run([sys.executable, "-c", found], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(tmp_path / "service/migrations")


@pytest.mark.parametrize("service", ["", "no-such-service", "../billing"])
def test_an_image_of_no_service_says_so_in_one_line(service: str) -> None:
    run = python_m_jalsa("web", JALSA_SERVICE=service)
    assert run.returncode == 1
    assert run.stderr == "JALSA_SERVICE must name a service that is installed here, such as billing.\n"


def python_m_jalsa(command: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "jalsa", command],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_tests_take_the_same_servers() -> None:
    kit = (ROOT / "shared/src/jalsa/dev/servers/__init__.py").read_text()
    for name in ("POSTGRES_IMAGE", "RABBITMQ_IMAGE"):
        assert f'"JALSA_{name}", "{DEFAULTS[name]}"' in kit
