"""Posting over HTTP: single events against the echoes, batches of 500 against bare SQLite, consolidators running."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import lives, processes, raw_sqlite, workload
from benchmarks.load import Measured, Plan
from benchmarks.processes import Server
from benchmarks.report import Row, compared

CONNECTIONS = (1, 16, 64, 256)
MOST_REQUESTS_A_SECOND = 60_000
"""More than the raw echo reaches; so many requests are built for each second."""
MOST_BATCHES_A_SECOND = 250


class Subject:
    """Our server with the definition active and all entities created, and the number of the next request to it."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.next_event = 0
        server.call("POST", "/api/v1/definitions?activate=true", workload.definition())
        for first in range(0, workload.ENTITIES, 1000):
            answers = server.call(
                "POST", "/api/v1/commands", [workload.creation(n) for n in range(first, first + 1000)]
            )
            if any(answer["status"] != 201 for answer in answers):
                raise RuntimeError(f"an entity could not be created: {answers[0]}")

    def load(
        self, form: workload.Form, connections: int, seconds: float, minimal: bool = False, count: int | None = None
    ) -> tuple[Measured, float]:
        """Load it with commands it has not seen yet, `count` requests at most.

        Gives back what was measured, and the CPU that the API's process took, in µs a request.
        """
        lines = 500 if form in ("ndjson", "array") else 1
        first = -(-self.next_event // lines)
        most = MOST_REQUESTS_A_SECOND if lines == 1 else MOST_BATCHES_A_SECOND
        plan = Plan(
            port=self.server.port,
            form=form,
            connections=connections,
            seconds=seconds,
            first=first,
            count=count or round(most * (seconds + 1)),
            lines=lines,
            minimal=minimal,
        )
        measured, cpu_us = loaded(self.server, plan)
        self.next_event = (first + measured.used) * lines
        return measured, cpu_us


def loaded(server: Server, plan: Plan) -> tuple[Measured, float]:
    """What was measured, and the CPU that the server's own process took, in µs a request."""
    before = server.cpu_s()
    measured = server.load(plan)
    return measured, (server.cpu_s() - before) / measured.used * 1e6


def single(folder: Path, rounds: int, seconds: float, connections: Sequence[int] = CONNECTIONS) -> list[Row]:
    """Single events at each number of connections, against both echoes; then what the consolidators lag."""
    result: list[Row] = []
    with (
        processes.echo("raw") as raw,
        processes.echo("typed") as typed,
        processes.statewright(folder / "single") as server,
    ):
        subject = Subject(server)
        for count in connections:
            result += single_at(count, subject, raw, typed, rounds, seconds)
        result += lag(server)
    return result


def single_at(connections: int, subject: Subject, raw: Server, typed: Server, rounds: int, seconds: float) -> list[Row]:
    """Raw echo, typed echo and ours in turns."""
    rates: dict[str, list[float]] = {"raw": [], "typed": [], "ours": []}
    cpu_us: dict[str, list[float]] = {"raw": [], "typed": [], "ours": []}
    p99_ms: list[float] = []
    for _ in range(rounds):
        for name, server in (("raw", raw), ("typed", typed)):
            count = round(MOST_REQUESTS_A_SECOND * (seconds + 1))
            plan = Plan(port=server.port, form="echo", connections=connections, seconds=seconds, count=count)
            measured, used_us = loaded(server, plan)
            rates[name].append(measured.rate)
            cpu_us[name].append(used_us)
        measured, used_us = subject.load("event", connections, seconds)
        rates["ours"].append(measured.rate)
        cpu_us["ours"].append(used_us)
        p99_ms.append(measured.p99_ms)
    what = f"{connections} connection{'s' if connections > 1 else ''}"
    cpu = {name: f"CPU {sorted(used)[len(used) // 2]:.0f} µs" for name, used in cpu_us.items()}
    judged = connections == 64
    note = f"{cpu['ours']} of API, p99 {sorted(p99_ms)[len(p99_ms) // 2]:.1f} ms"
    return [
        compared(
            "single", what, rates["ours"], rates["raw"], f"raw echo ({cpu['raw']})", 0.30 if judged else None, note=note
        ),
        compared(
            "single", what, rates["ours"], rates["typed"], f"typed echo ({cpu['typed']})", 1.1 if judged else None
        ),
    ]


def batches(folder: Path, rounds: int, seconds: float) -> list[Row]:
    """Batches of 500 in both shapes, whole answers and minimal ones, against bare SQLite at 500 a commit."""
    kinds: list[tuple[str, workload.Form, bool, int]] = [
        ("NDJSON, 1 connection", "ndjson", False, 1),
        ("NDJSON, 4 connections", "ndjson", False, 4),
        ("NDJSON, 4 connections, minimal", "ndjson", True, 4),
        ("JSON array, 4 connections", "array", False, 4),
    ]
    ours: dict[str, list[float]] = {what: [] for what, *_ in kinds}
    floor: dict[str, list[float]] = {what: [] for what, *_ in kinds}
    cpu_us: dict[str, list[float]] = {what: [] for what, *_ in kinds}
    folder.mkdir(exist_ok=True)
    log, stream = raw_sqlite.RawLog(folder / "batches.raw.db"), lives.Lives()
    with processes.statewright(folder / "batches") as server:
        subject = Subject(server)
        for _ in range(rounds):
            for what, form, minimal, connections in kinds:
                floor[what].append(bare_rate(log, stream, subject.next_event))
                measured, used_us = subject.load(form, connections, seconds, minimal)
                ours[what].append(measured.rate * 500)
                cpu_us[what].append(used_us / 500)
        late = lag(server, "batch")
    log.close()
    return [
        compared(
            "batch",
            f"500 lines, {what}",
            ours[what],
            floor[what],
            "raw SQLite, 500 a commit",
            0.8,
            note=f"CPU {sorted(cpu_us[what])[len(cpu_us[what]) // 2]:.1f} µs an event",
        )
        for what, *_ in kinds
    ] + late


def bare_rate(log: raw_sqlite.RawLog, stream: lives.Lives, as_long_as: int) -> float:
    """Events a second into bare SQLite, 100 commits of 500, once that log is as long as ours: length costs."""
    while stream.number < as_long_as:
        log.timed(stream.groups(1, 500))
    return 50_000 / log.timed(stream.groups(100, 500))


def lag(server: Server, part: str = "single") -> list[Row]:
    """How far each consolidator is behind right after the load, and how long until none is."""
    began = time.monotonic()
    behind = {each["name"]: each["lag"] for each in consolidators(server)}
    while any(each["lag"] for each in consolidators(server)):
        if time.monotonic() - began > 300:
            raise RuntimeError("the consolidators have not caught up within five minutes")
        time.sleep(0.05)
    caught_up = Row(
        part=part, what="until consolidators caught up", ours=time.monotonic() - began, unit="s", note="after the load"
    )
    return [
        Row(part=part, what=f"lag of {name} at the end", ours=count, unit="transitions")
        for name, count in behind.items()
    ] + [caught_up]


def consolidators(server: Server) -> list[dict[str, Any]]:
    """The consolidators as the API describes them."""
    items: list[dict[str, Any]] = server.call("GET", "/api/v1/consolidators")["items"]
    return items
