"""XState in a process of its own: installed once into `build`, asked line by line."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "xstate"
BUILD = Path(__file__).parents[2] / "build" / "xstate"
ANSWERS_WITHIN_S = 30
INSTALLS_WITHIN_S = 300


def lacking() -> str | None:
    """What this machine has not got of what it takes, in words; None when all is there."""
    missing = [name for name in ("node", "npm") if shutil.which(name) is None]
    if missing:
        return f"no {' and no '.join(missing)} on this machine; on Debian: apt-get install nodejs npm"
    return None


def installed() -> Path:
    """The folder from which the runner can be started, XState beside it. Raises CalledProcessError with npm's words."""
    wanted = (HERE / "package-lock.json").read_bytes()
    stamp = BUILD / "installed"
    if not stamp.exists() or stamp.read_bytes() != wanted:
        BUILD.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, BUILD / name)
        subprocess.run(
            ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"],
            cwd=BUILD,
            check=True,
            stdin=subprocess.DEVNULL,
            timeout=INSTALLS_WITHIN_S,
        )
        stamp.write_bytes(wanted)
    for script in HERE.glob("*.mjs"):
        shutil.copy(script, BUILD / script.name)
    return BUILD


class XState:
    """The runner, started when it is first asked and again after it did not answer."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, machine: dict[str, Any], events: list[dict[str, Any]]) -> dict[str, Any]:
        """What XState makes of a machine and events; see `runner.mjs`. An answer that never comes is an `error`."""
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps({"machine": machine, "events": events}).encode() + b"\n")
        process.stdin.flush()
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            if not selector.select(ANSWERS_WITHIN_S):
                self.stop()
                return {"states": [], "error": f"XState gave no answer within {ANSWERS_WITHIN_S} s"}
        line = process.stdout.readline()
        if not line:
            self.stop()
            return {"states": [], "error": "the process of XState ended"}
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            command = ["node", str(self._folder / "runner.mjs"), "--serve"]
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, "NODE_ENV": "production"}
            )
        return self._process

    def stop(self) -> None:
        """End the process, if there is one."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
