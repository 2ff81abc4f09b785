"""Where the services are listed although the place cannot read `deploy/services.txt`, and whether the lists agree."""

import json
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from jalsa_local.services import NAMES

#: A place, and the names of services that it lists.
Listed = tuple[str, Iterable[str]]


def differing(root: Path, names: Iterable[str] = NAMES) -> list[str]:
    """One sentence for each place below `root` whose list of services is not `names`. The order does not matter."""
    wanted = set(names)
    return [
        f"{place} lists {', '.join(sorted(found)) or 'no service'}."
        for place, listed in _places(root)
        if (found := set(listed)) != wanted
    ]


def _places(root: Path) -> Iterator[Listed]:
    yield "The folder services", (path.parent.name for path in root.glob("services/*/pyproject.toml"))
    yield from _pyproject(tomllib.loads((root / "pyproject.toml").read_text())["tool"])
    yield from _compose(yaml.safe_load((root / "docker-compose.yml").read_text()))
    yield from _nginx((root / "deploy/gateway/nginx.conf").read_text())
    readme = (root / "README.md").read_text()
    yield "README.md", re.findall(r"^\| \[[a-z-]+\]\(services/([a-z-]+)/README\.md\)", readme, re.MULTILINE)


def _pyproject(tools: dict[str, Any]) -> Iterator[Listed]:
    sources = "\n".join(tools["mypy"]["mypy_path"])
    yield "pyproject.toml, mypy_path,", re.findall(r"/services/([a-z-]+)/src", sources)
    linter = tools["importlinter"]
    yield "pyproject.toml, root_packages,", _services(linter["root_packages"])
    for contract in linter["contracts"]:
        for key in ("containers", "modules", "source_modules", "forbidden_modules"):
            listed = contract.get(key, [])
            if set(listed) & {_package(name) for name in NAMES}:
                packages = [name for name in listed if not name.startswith("jalsa.")]
                yield f"pyproject.toml, {key} of “{contract['name']}”,", _services(packages)


def _compose(compose: dict[str, Any]) -> Iterator[Listed]:
    containers: dict[str, Any] = compose["services"]
    for kind in ("migrate", "web", "worker"):
        of_kind = {
            name.removesuffix(f"-{kind}"): each for name, each in containers.items() if name.endswith(f"-{kind}")
        }
        yield f"docker-compose.yml, the {kind} containers,", of_kind
        yield (
            f"docker-compose.yml, the images of {kind} containers,",
            (each["image"].removeprefix("jalsa/").partition(":")[0] for each in of_kind.values()),
        )
        yield (
            f"docker-compose.yml, the keys of {kind} containers,",
            (name for name, each in of_kind.items() if each["volumes"] == [f"{name}-keys:/keys:ro"]),
        )
    built = (each["build"] for name, each in containers.items() if name.endswith("-migrate"))
    yield "docker-compose.yml, the builds,", (build["args"]["SERVICE"] for build in built)
    waited = containers["gateway"]["depends_on"]
    yield "docker-compose.yml, the gateway's depends_on,", (name.removesuffix("-web") for name in waited)
    ours = {"issuer", "postgres", "rabbitmq", "topology"}
    volumes = {name.removesuffix("-keys") for name in compose["volumes"] if name.endswith("-keys")}
    yield "docker-compose.yml, the volumes,", volumes - ours
    mounted = {volume.partition("-keys:")[0] for volume in containers["keys"]["volumes"] if "-keys:" in volume}
    yield "docker-compose.yml, the volumes of keys,", mounted - ours


def _nginx(configuration: str) -> Iterator[Listed]:
    index = re.search(r"return 200 '(\{\"name\".*\})'", configuration)
    yield "nginx.conf, the index,", json.loads(index[1])["services"] if index else ()
    published = re.search(r"location ~ \^/\(\?<name>([a-z|-]+)\)", configuration)
    yield "nginx.conf, the published paths,", published[1].split("|") if published else ()


def _services(packages: Iterable[str]) -> list[str]:
    return [package.replace("_", "-") for package in packages if package != "jalsa"]


def _package(name: str) -> str:
    return name.replace("-", "_")
