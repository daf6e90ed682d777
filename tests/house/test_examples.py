"""What documents show is so: their examples are run against a server of their own."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from statewright.consolidators.runner import BUILT_IN
from tests.house.examples import Example, differences, examples_in, run

HOUSE = Path(__file__).parents[2]
COMMANDS = Path(sys.executable).parent
DOCUMENTS = [path for path in [HOUSE / "README.md", *sorted((HOUSE / "docs").rglob("*.md"))] if examples_in(path)]
STARTS_WITHIN_S = 120


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that looks like a checkout to the examples."""
    made = tmp_path / "checkout"
    made.mkdir()
    (made / "definitions").symlink_to(HOUSE / "definitions")
    return made


@pytest.fixture
def address(folder: Path, tmp_path: Path) -> Iterator[str]:
    """A server with an empty data folder, started as people start it; stopped as people stop it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [COMMANDS / "statewright", "serve", "--port", str(port), "--data", folder / "var" / "demo"]
    with (tmp_path / "server.log").open("w+") as log:
        server = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait_until_views_are_kept(f"http://127.0.0.1:{port}", server, tmp_path / "server.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.send_signal(signal.SIGTERM)
            assert server.wait(timeout=30) == 0, (tmp_path / "server.log").read_text()


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(HOUSE)))
def test_the_examples_of_a_document_do_what_it_says(document: Path, address: str, folder: Path) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl on this machine; on Debian: apt-get install curl")
    examples = examples_in(document)

    printed = run(examples, address, folder, f"{COMMANDS}{os.pathsep}{os.environ['PATH']}")
    wrong = [
        f"line {example.line}: {difference}"
        for example, text in zip(examples, printed, strict=True)
        for difference in differences(example, text)
    ]
    assert wrong == []


def test_every_call_that_the_server_describes_is_in_the_reference(address: str) -> None:
    text = (HOUSE / "docs" / "reference" / "http-api.md").read_text()
    with urllib.request.urlopen(f"{address}/api/v1/openapi.json", timeout=10) as answer:
        paths = json.load(answer)["paths"]

    calls = [(method.upper(), path.removeprefix("/api/v1")) for path, methods in paths.items() for method in methods]
    missing = [call for call in calls if not re.search(rf"`{call[0]} (/api/v1)?{re.escape(call[1])}[`?]", text)]
    assert missing == []


@pytest.mark.parametrize(
    ("shown", "printed"),
    [
        ('{"state": "paid"}', '{"state": "open"}'),
        ('{"version": 1}', '{"state": "paid"}'),
        ('["a", "b"]', '["a"]'),
        ('["a"]', '["a", "b"]'),
        ('{"place": "1…"}', '{"place": "21"}'),
    ],
)
def test_an_answer_that_is_not_as_shown_is_told(shown: str, printed: str) -> None:
    assert [*differences(Example(1, "", [("json", shown)]), printed)] != []


@pytest.mark.parametrize("shown", ['{"items": ["a", "…"], "at": "…"}', '{"at": "2026-…Z"}', '{"items": ["a", "b"]}'])
def test_an_answer_may_be_shown_in_part(shown: str) -> None:
    printed = '{"items": ["a", "b"], "at": "2026-11-23T11:30:00Z"}'

    assert [*differences(Example(1, "", [("json", shown)]), printed)] == []


def _wait_until_views_are_kept(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    """Return when the server takes events and its other process has begun with the views."""
    end = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < end:
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{address}/api/v1/consolidators", timeout=5) as answer:
                if len(json.load(answer)["items"]) == len(BUILT_IN):
                    return
        except OSError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"no views within {STARTS_WITHIN_S} s:\n{log.read_text()}")
