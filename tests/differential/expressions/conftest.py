"""The other engines as subprocesses that answer line by line."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.differential.expressions.environments import ENGINES, NotInstalled, python_of


class Engine:
    """Another engine at work."""

    def __init__(self, name: str) -> None:
        script = Path(__file__).with_name("engine.py")
        command = [python_of(name), script, name]
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        pipe = subprocess.PIPE
        self.name = name
        self._process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, env=environment
        )

    def outcome(self, text: str, data: Any) -> Any:
        """The value with its kind, or "error"."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"text": text, "data": data}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return "error" if "error" in answer else (answer["value"], type(answer["value"]))

    def close(self) -> None:
        """End it."""
        self._process.communicate(timeout=20)


@pytest.fixture(scope="session", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Each other engine in turn. Where one cannot be installed its tests are skipped, but not in CI."""
    try:
        started = Engine(request.param)
    except (NotInstalled, OSError, subprocess.SubprocessError) as error:
        sentence = f"{ENGINES[request.param]} cannot be installed here: {error}"
        if os.environ.get("CI") == "true":
            pytest.fail(sentence)
        pytest.skip(sentence)
    yield started
    started.close()
