"""Posting over HTTP: single events against the echoes, batches of 500 against bare SQLite, consolidators running."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from msgspec import Struct

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
        self.recorded = workload.ENTITIES
        server.call("POST", "/api/v1/definitions?activate=true", workload.definition())
        for first in range(0, workload.ENTITIES, 1000):
            creations = [workload.creation(number) for number in range(first, first + 1000)]
            answers = server.call("POST", "/api/v1/commands", creations)["items"]
            if any(answer["status"] != 201 for answer in answers):
                raise RuntimeError(f"an entity could not be created: {answers[0]}")

    def load(
        self, form: workload.Form, connections: int, seconds: float, minimal: bool = False, count: int | None = None
    ) -> tuple[Measured, Cost]:
        """Load it with commands it has not seen yet, `count` requests at most.

        Gives back what was measured and what it cost.
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
        measured, cost = loaded(self.server, plan)
        self.next_event = (first + measured.used) * lines
        self.recorded += measured.used * lines
        return measured, cost


class Cost(Struct):
    """CPU in µs a request: of the server's own process, and of those it has started (our consolidators)."""

    own_us: float
    others_us: float


def loaded(server: Server, plan: Plan) -> tuple[Measured, Cost]:
    """What was measured, and what it cost."""
    before = server.cpu_s()
    measured = server.load(plan)
    own_us, others_us = ((now - then) / measured.used * 1e6 for now, then in zip(server.cpu_s(), before, strict=True))
    return measured, Cost(own_us, others_us)


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
        result += lag(server, "single", subject.recorded)
    return result


def single_at(connections: int, subject: Subject, raw: Server, typed: Server, rounds: int, seconds: float) -> list[Row]:
    """Raw echo, typed echo and ours in turns."""
    taken: dict[str, list[tuple[Measured, Cost]]] = {"raw": [], "typed": [], "ours": []}
    count = round(MOST_REQUESTS_A_SECOND * (seconds + 1))
    for _ in range(rounds):
        for name, server in (("raw", raw), ("typed", typed)):
            plan = Plan(port=server.port, form="echo", connections=connections, seconds=seconds, count=count)
            taken[name].append(loaded(server, plan))
        taken["ours"].append(subject.load("event", connections, seconds))
    rates = {name: [measured.rate for measured, _ in of] for name, of in taken.items()}
    cpu = {name: median(cost.own_us for _, cost in of) for name, of in taken.items()}
    views_us = median(cost.others_us for _, cost in taken["ours"])
    p99_ms = median(measured.p99_ms for measured, _ in taken["ours"])
    what = f"{connections} connection{'s' if connections > 1 else ''}"
    note = f"ours {cpu['ours']:.0f} µs and views {views_us:.0f} µs, p99 {p99_ms:.1f} ms"
    asked = {"raw": 0.30, "typed": 1.1} if connections == 64 else {}
    return [
        compared(
            "single",
            what,
            rates["ours"],
            rates[name],
            f"{name} echo",
            asked.get(name),
            note=f"CPU {cpu[name]:.0f} µs, {note}" if name == "raw" else f"CPU {cpu[name]:.0f} µs",
        )
        for name in ("raw", "typed")
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
    costs: dict[str, list[Cost]] = {what: [] for what, *_ in kinds}
    folder.mkdir(exist_ok=True)
    log, stream = raw_sqlite.RawLog(folder / "batches.raw.db"), lives.Lives()
    with processes.statewright(folder / "batches") as server:
        subject = Subject(server)
        for _ in range(rounds):
            for what, form, minimal, connections in kinds:
                floor[what].append(bare_rate(log, stream, subject.next_event))
                measured, cost = subject.load(form, connections, seconds, minimal)
                ours[what].append(measured.rate * 500)
                costs[what].append(cost)
        late = lag(server, "batch", subject.recorded)
    log.close()
    return [
        compared(
            "batch",
            f"500 lines, {what}",
            ours[what],
            floor[what],
            "raw SQLite, 500 a commit",
            0.8,
            note=f"CPU an event {median(cost.own_us for cost in costs[what]) / 500:.1f} µs"
            f" and views {median(cost.others_us for cost in costs[what]) / 500:.1f} µs",
        )
        for what, *_ in kinds
    ] + late


def bare_rate(log: raw_sqlite.RawLog, stream: lives.Lives, as_long_as: int) -> float:
    """Events a second into bare SQLite, 100 commits of 500, once that log is as long as ours: length costs."""
    while stream.number < as_long_as:
        log.timed(stream.groups(1, 500))
    return 50_000 / log.timed(stream.groups(100, 500))


def lag(server: Server, part: str, recorded: int) -> list[Row]:
    """How far each consolidator is behind right after the load, and how long until none is.

    Counted against what was `recorded`, so that it does not rest on what the server thinks of itself.
    """
    began = time.monotonic()
    behind = lags(server, recorded)
    while max(lags(server, recorded).values()) > 0:
        if time.monotonic() - began > 600:
            raise RuntimeError("the consolidators have not caught up within ten minutes")
        time.sleep(0.05)
    took_s = time.monotonic() - began
    unit, note = "transitions", "right after the load"
    found = [Row(part=part, what=f"lag of {name}", ours=count, unit=unit, note=note) for name, count in behind.items()]
    return [*found, Row(part=part, what="until consolidators caught up", ours=took_s, unit="s", note=note)]


def lags(server: Server, recorded: int) -> dict[str, int]:
    """How many of the transitions `recorded` each consolidator has not handled yet."""
    items: list[dict[str, Any]] = server.call("GET", "/api/v1/consolidators")["items"]
    return {each["name"]: recorded - each["transitions"] for each in items}
