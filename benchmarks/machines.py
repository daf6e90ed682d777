"""Machines: decisions a second beside XState's actor and Python libraries, and registering a large definition.

One process each, taking turns. Ours decides and makes the head after it, since the peers keep theirs.
"""

from __future__ import annotations

import json
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.report import Row, compared
from benchmarks.stopwatch import Stopwatch
from statewright.machine.compile import Machine, compile_machine
from statewright.machine.decide import Accepted, Event, decide
from statewright.machine.reading import read_definition
from statewright.machine.record import Head
from tests.differential import node

PEERS = Path(__file__).parent / "peers"
ENVIRONMENT = Path(__file__).parents[1] / "build" / "peers"
LIBRARIES = {
    "transitions": "transitions==0.9.*",
    "statemachine": "python-statemachine>=2.5,<4",
    "sismic": "sismic==1.6.*",
}
STATES = 6
ASKED = {"flat": 500_000, "parallel": 100_000}
REGISTERED = 1_000
REGISTERED_WITHIN_S = 2.0


def measure(rounds: int, seconds: float) -> list[Row]:
    """Rows for flat and parallel machines beside XState's, for libraries where they install, and for registering."""
    rows: list[Row] = []
    for kind in ("flat", "parallel"):
        ours, theirs = [], []
        for _ in range(rounds):
            theirs.append(xstate(kind, seconds))
            ours.append(decisions(machine_of(DOCUMENTS[kind]()), seconds))
        what = {"flat": "flat, one guard", "parallel": "three regions, each takes the event"}[kind]
        rows.append(compared("machines", what, ours, theirs, "XState's actor", asked=1.0 if kind == "flat" else None))
        rows.append(
            Row(part="machines", what=what, ours=statistics.median(ours), unit="/s", asked=ASKED[kind], of="ours")
        )
    rows += [row for name, package in LIBRARIES.items() if (row := beside(name, package, seconds)) is not None]
    return [*rows, registering(rounds)]


def beside(name: str, package: str, seconds: float) -> Row | None:
    """The flat machine beside a Python library; None where that cannot be installed."""
    python = environment(package)
    if python is None:
        return None
    theirs = printed([str(python), str(PEERS / "libraries.py"), name, str(seconds)])
    ours = decisions(machine_of(flat()), seconds)
    return compared("machines", "flat, one guard", [ours], [theirs], package)


def registering(rounds: int) -> Row:
    """Seconds from the text of a definition of many states to a machine that can decide."""
    text = json.dumps(large()).encode()
    taken = []
    for _ in range(rounds):
        with Stopwatch() as watch:
            reading = read_definition(text)
            assert reading.definition is not None
            compile_machine(reading.definition, revision=1, digest=reading.digest)
        taken.append(watch.seconds)
    what = f"read, check and compile {REGISTERED:,} states with a guard each"
    asked = REGISTERED_WITHIN_S
    return Row(
        part="machines", what=what, ours=statistics.median(taken), unit="s", asked=asked, of="ours", at_most=True
    )


# --- Ours ---


def ring(guard: dict[str, Any]) -> dict[str, Any]:
    """States in a circle."""
    names = [f"s{number}" for number in range(STATES)]
    following = zip(names, [*names[1:], names[0]], strict=True)
    return {
        "initial": "s0",
        "states": {name: {"on": {"NEXT": {"target": after, **guard}}} for name, after in following},
    }


def flat() -> dict[str, Any]:
    """Six states, and a guard that reads the event and the data."""
    return {
        "id": "flat",
        "schemas": {
            "context": {"properties": {"limit": {"type": "integer", "default": 100}}, "required": ["limit"]},
            "events": {"NEXT": {"properties": {"amount": {"type": "integer"}}, "required": ["amount"]}},
        },
        **ring({"guard": {"@expr": "event.amount <= context.limit"}}),
    }


def parallel() -> dict[str, Any]:
    """Three circles that all take the event."""
    return {"id": "parallel", "type": "parallel", "states": {name: ring({}) for name in "abc"}}


DOCUMENTS: dict[str, Callable[[], dict[str, Any]]] = {"flat": flat, "parallel": parallel}


def large() -> dict[str, Any]:
    """As many states as a definition may have, each with two branches and a guard of its own."""
    states = {
        f"s{number}": {
            "on": {
                "NEXT": [
                    {"target": f"s{(number + 1) % REGISTERED}", "guard": {"@expr": f"event.amount <= {number}"}},
                    {"target": f"s{(number * 7) % REGISTERED}"},
                ]
            }
        }
        for number in range(REGISTERED)
    }
    events = {"NEXT": {"properties": {"amount": {"type": "integer"}}, "required": ["amount"]}}
    return {"id": "large", "schemas": {"events": events}, "initial": "s0", "states": states}


def machine_of(document: dict[str, Any]) -> Machine:
    """The machine of a document without errors."""
    reading = read_definition(json.dumps(document).encode())
    if reading.definition is None:
        raise RuntimeError(f"the definition has problems: {reading.problems}")
    return compile_machine(reading.definition, revision=1, digest=reading.digest)


def decisions(machine: Machine, seconds: float) -> float:
    """Decisions a second, each on the head that the one before led to."""
    begun = decide(machine, None, Event(None, {}))
    assert isinstance(begun, Accepted), begun
    head = Head(version=1, revision=1, leaves=begun.to, data=begun.data)
    head, _ = run(machine, head, 20_000)
    count, began = 0, time.perf_counter()
    while (taken := time.perf_counter() - began) < seconds:
        head, done = run(machine, head, 5_000)
        count += done
    return count / taken


def run(machine: Machine, head: Head, count: int) -> tuple[Head, int]:
    """Send so many events, one after the other."""
    for _ in range(count):
        outcome = decide(machine, head, Event("NEXT", {"amount": 50}))
        assert type(outcome) is Accepted, outcome
        head = Head(version=head.version + 1, revision=1, leaves=outcome.to, data=outcome.data, size=outcome.size)
    return head, count


# --- The peers ---


def xstate(kind: str, seconds: float) -> float:
    """Events a second of XState's actor. Raises RuntimeError where there is no node."""
    if reason := node.lacking():
        raise RuntimeError(reason)
    folder = node.installed()
    shutil.copy(PEERS / "xstate.mjs", folder / "speed.mjs")
    return printed(["node", str(folder / "speed.mjs"), kind, str(seconds)])


def environment(package: str) -> Path | None:
    """The Python of an environment that has the package, made when it is missing; None when it cannot be made."""
    folder = ENVIRONMENT / package.split("=")[0].split(">")[0]
    python = folder / "bin" / "python"
    if not (folder / "made").exists():
        made = [[sys.executable, "-m", "venv", str(folder)], [str(python), "-m", "pip", "install", "--quiet", package]]
        if any(subprocess.run(command, check=False, timeout=300).returncode for command in made):
            return None
        (folder / "made").touch()
    return python


def printed(command: list[str]) -> float:
    """The number that a command prints."""
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
