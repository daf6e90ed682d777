"""The wheel carries all that an installation needs, and nothing else."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]
ROOMS = {
    "platform/statewright": "statewright",
    "ui/statewright_ui": "statewright_ui",
    "definitions": "statewright/definitions",
}
LEFT_OUT = {".pyc", ".orig", ".rej"}


@pytest.fixture(scope="module")
def carried(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    """The names of the files in a wheel built just now."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", folder, HOUSE], check=True, timeout=300)
    with zipfile.ZipFile(next(folder.glob("statewright-*.whl"))) as wheel:
        return set(wheel.namelist())


def test_the_wheel_carries_every_file_of_the_packages_and_the_definitions(carried: set[str]) -> None:
    listed = subprocess.run(
        ["git", "ls-files", *ROOMS], cwd=HOUSE, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    wanted = set()
    for name in listed:
        for room, package in ROOMS.items():
            if name.startswith(room + "/") and (HOUSE / name).exists():
                wanted.add(package + name.removeprefix(room))

    assert wanted - carried == set()


@pytest.mark.parametrize("ending", [".html", ".css", ".js", ".woff2", ".json"])
def test_the_wheel_carries_what_pages_are_made_of(carried: set[str], ending: str) -> None:
    assert any(name.startswith("statewright_ui/") and name.endswith(ending) for name in carried)


def test_the_wheel_carries_nothing_that_is_not_part_of_the_packages(carried: set[str]) -> None:
    strange = [name for name in carried if name.split("/")[0].split("-")[0] not in ("statewright", "statewright_ui")]

    assert strange == []
    assert [name for name in carried if Path(name).suffix in LEFT_OUT or "node_modules" in name] == []


def test_the_wheel_carries_the_licence(carried: set[str]) -> None:
    assert any(name.endswith("licenses/LICENSE") for name in carried)
