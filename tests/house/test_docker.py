"""The image and the compose file, as far as they can be judged without an engine to run them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from statewright_nats.address import Address

HOUSE = Path(__file__).parents[2]
DOCKER = HOUSE / "docker"


@pytest.fixture(scope="module")
def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions: each keyword with the rest of its line, continuation lines joined."""
    text = re.sub(r"^#.*\n", "", (DOCKER / "Dockerfile").read_text(), flags=re.MULTILINE)
    lines = [line.strip() for line in text.replace("\\\n", " ").splitlines() if line.strip()]
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines]


COMPOSITIONS = sorted(DOCKER.glob("compose*.yaml"))


@pytest.mark.parametrize("file", COMPOSITIONS, ids=lambda file: file.name)
def test_a_compose_file_is_valid_by_the_compose_specification(file: Path) -> None:
    command = [Path(sys.executable).parent / "check-jsonschema", "--builtin-schema", "vendor.compose-spec"]

    done = subprocess.run([*command, file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "file", [file for file in COMPOSITIONS if file.name != "compose.nats.yaml"], ids=lambda file: file.name
)
def test_nothing_is_published_beyond_this_machine_while_callers_have_no_keys(file: Path) -> None:
    services = YAML(typ="safe").load(file)["services"]

    published = [port for service in services.values() for port in service.get("ports", [])]
    assert published == ["127.0.0.1:8000:8080"]
    assert services["door"]["network_mode"] == "service:statewright"


def test_the_cluster_publishes_nothing_and_names_its_servers_in_the_url() -> None:
    cluster = YAML(typ="safe").load(DOCKER / "compose.nats.yaml")
    servers = [name for name in cluster["services"] if name.startswith("nats-")]
    address = Address.of(cluster["services"]["statewright"]["environment"]["STATEWRIGHT_STORE"])

    assert len(servers) == address.replicas == 3
    assert address.servers == tuple(f"nats://{name}:4222" for name in servers)
    assert address.monitors == tuple(f"http://{name}:8222" for name in servers)
    assert not any("ports" in service for service in cluster["services"].values())
    assert "sync_interval: always" in cluster["configs"]["nats"]["content"]


def test_every_base_image_is_named_with_its_release(instructions: list[tuple[str, str]]) -> None:
    bases = [rest.split()[0] for keyword, rest in instructions if keyword == "FROM"]

    assert bases
    assert all(re.fullmatch(r"[a-z/]+:\d+\.\d+[\w.-]*", base) for base in bases)


def test_the_image_does_not_run_as_root(instructions: list[tuple[str, str]]) -> None:
    users = [rest for keyword, rest in instructions if keyword == "USER"]

    assert users == ["statewright"]


def test_the_image_says_whether_it_is_healthy_and_what_it_runs_without_a_shell(
    instructions: list[tuple[str, str]],
) -> None:
    said = dict(instructions)

    assert "/health/live" in said["HEALTHCHECK"]
    assert said["ENTRYPOINT"].startswith("[")
    assert said["CMD"].startswith("[")


def test_what_the_image_copies_is_there_and_let_through_by_the_ignore_file(
    instructions: list[tuple[str, str]],
) -> None:
    let_through = {line[1:] for line in (DOCKER / "Dockerfile.dockerignore").read_text().splitlines() if line[0] == "!"}
    copied = {
        source
        for keyword, rest in instructions
        if keyword == "COPY" and not rest.startswith("--from")
        for source in rest.split()[:-1]
    }

    assert copied == let_through
    assert all((HOUSE / source).exists() for source in copied)
