"""Documents made to take time or memory, and the largest that are allowed: seconds of a processor, and megabytes."""

from __future__ import annotations

import json
import multiprocessing
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from benchmarks.report import Row
from statewright.machine.compile import compile_machine
from statewright.machine.reading import read_definition

WITHIN_S = 1.0
EXPRESSIONS = 5_000
_FIRST = b'{"id": "a", "states": {"b": {"always": {"guard": {"@expr": "true"}}}}}'


def measure() -> list[Row]:
    """A row for each document, read and checked in a new process that has read a small one before."""
    spawn = multiprocessing.get_context("spawn")
    rows = []
    with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as processes:
        for name, text in documents().items():
            taken, grown, found = processes.submit(read, text).result()
            note = f"{grown:.0f} MB more, {found}"
            rows.append(
                Row(part="bombs", what=name, ours=taken, unit="s", asked=WITHIN_S, of="ours", at_most=True, note=note)
            )
    return rows


def documents() -> dict[str, bytes]:
    """What is read, by name."""
    # Here, since what the tests need is no part of what the reading processes hold.
    from tests.acceptance.test_bombs import REFUSED
    from tests.acceptance.test_bombs import large as allowed
    from tests.machine.test_lint_bombs import BOMBS

    made = {name: _text(make()) for name, (make, _) in BOMBS.items()}
    return {
        **made,
        **{f"{name} (over HTTP)": text for name, text in REFUSED.items() if name not in made},
        "allowed: 900 states, 2,700 expressions": allowed(),
        f"allowed: {EXPRESSIONS:,} different expressions": different(),
    }


def different() -> bytes:
    """A definition with as many different guards as are looked at."""
    context = {"required": ["total"], "properties": {"total": {"type": "integer"}}}
    event = {"required": ["n"], "properties": {"n": {"type": "integer"}}}
    states: dict[str, Any] = {}
    for n in range(EXPRESSIONS // 5):
        on = {
            f"E{k}": {
                "target": f"s{(n * 7 + k) % (EXPRESSIONS // 5)}",
                "guard": {"@expr": f"context.total + event.n > {n * 5 + k}"},
            }
            for k in range(5)
        }
        states[f"s{n}"] = {"on": on}
    schemas = {"context": context, "events": {f"E{k}": event for k in range(5)}}
    return _text({"id": "many", "initial": "s0", "states": states, "schemas": schemas})


def read(text: bytes) -> tuple[float, float, str]:
    """Seconds of a processor, megabytes that the process grew by, and what was found; compiled as well if it can be."""
    read_definition(_FIRST)
    before, begun = _megabytes(), time.process_time()
    reading = read_definition(text)
    if reading.definition is not None and reading.activable:
        compile_machine(reading.definition, revision=1, digest=reading.digest)
    taken = time.process_time() - begun
    codes = sorted({problem.code for problem in reading.problems if problem.severity != "warning"})
    return taken, _megabytes() - before, ", ".join(codes[:3]) or "no error"


def _text(document: dict[str, Any] | bytes) -> bytes:
    return document if isinstance(document, bytes) else json.dumps(document).encode()


def _megabytes() -> float:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1024 * 1024 if sys.platform == "darwin" else 1024)
