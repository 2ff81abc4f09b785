"""The images that everything is built on and runs on: each named once, with its patch version, and replaceable."""

import re
from pathlib import Path

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
    dockerfiles = list(ROOT.glob("services/*/Dockerfile"))
    assert len(dockerfiles) == 5
    for dockerfile in dockerfiles:
        assert f"ARG PYTHON_IMAGE={DEFAULTS['PYTHON_IMAGE']}\n" in dockerfile.read_text(), dockerfile


def test_the_tests_take_the_same_servers() -> None:
    kit = (ROOT / "shared/src/jalsa/dev/servers/__init__.py").read_text()
    for name in ("POSTGRES_IMAGE", "RABBITMQ_IMAGE"):
        assert f'"JALSA_{name}", "{DEFAULTS[name]}"' in kit
