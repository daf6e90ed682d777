"""The house itself: who imports whom, what must never lie where, and what nobody may leave behind."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2]
COMMANDS = Path(sys.executable).parent
MADE_ELSEWHERE = ("/vendor/", "LICENSE", "package-lock.json", ".png", ".woff2", ".ico")

LEFT_BEHIND = {
    # Written so that this file does not match itself.
    "a mark of unfinished work": re.compile(r"\b(T[O]DO|F[I]XME|X[X]X|H[A]CK)\b"),
    "a path of somebody's machine": re.compile(r"(?<![\w.~-])/(?:ho[m]e|ro[o]t|wo[r]k|Us[e]rs)/"),
    "the host of a package registry": re.compile(r"\b(?:py[p]i\.org|pythonho[s]ted\.org|npm[j]s\.org|cra[t]es\.io)\b"),
    "a key": re.compile(r"-----BEG[I]N [A-Z ]*PRIVATE KEY"),
}


def committed_texts() -> list[Path]:
    """Every file under version control that people write."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=HOUSE, capture_output=True, text=True, check=False)
    paths = [HOUSE / name for name in listed.stdout.split("\0") if name]
    return [path for path in paths if path.is_file() and not any(part in str(path) for part in MADE_ELSEWHERE)]


def test_imports_go_down_the_house_and_never_up() -> None:
    done = subprocess.run([COMMANDS / "lint-imports"], cwd=HOUSE, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


def test_the_folder_platform_is_no_package_since_it_would_hide_the_one_of_python() -> None:
    import platform

    assert not (HOUSE / "platform" / "__init__.py").exists()
    assert callable(platform.python_version)


@pytest.mark.parametrize("what", LEFT_BEHIND)
def test_nothing_is_left_behind_in_the_sources(what: str) -> None:
    found = [
        f"{path.relative_to(HOUSE)}:{number}: {line.strip()[:120]}"
        for path in committed_texts()
        for number, line in enumerate(path.read_text(errors="replace").splitlines(), 1)
        if LEFT_BEHIND[what].search(line)
    ]

    assert found == []


def test_an_exception_from_the_type_checker_gives_its_reason() -> None:
    bare = re.compile(r"# type: ignore(?:\[[\w-]+(?:, ?[\w-]+)*\])?\s*$")
    found = [
        f"{path.relative_to(HOUSE)}:{number}"
        for path in committed_texts()
        if path.suffix == ".py" and path.relative_to(HOUSE).parts[0] in ("platform", "ui")  # what is type-checked
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if bare.search(line)
    ]

    assert found == []


@pytest.mark.parametrize("script", sorted(path.name for path in (HOUSE / ".ci").iterdir()))
def test_a_script_of_continuous_integration_can_be_run_and_stops_at_the_first_fault(script: str) -> None:
    path = HOUSE / ".ci" / script

    assert path.stat().st_mode & 0o111
    assert path.read_text().startswith("#!/usr/bin/env bash\n")
    assert "set -euo pipefail" in path.read_text()
    assert subprocess.run(["bash", "-n", path], check=False).returncode == 0
