"""Documents and events made to take a server's time or memory: refused soon, while others are served as before."""

from __future__ import annotations

import asyncio
import io
import json
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.acceptance.serving import Serving, callers_of, register, send

OTHERS_S = 10.0
"""A server that answers nobody while it reads a bomb would make others wait for longer than this in all; how long they
wait on a calm machine, the benchmarks say."""
GROWTH_MB = 150
"""How much larger the server may be after all of them; a definition that is kept takes room too."""


def document(states: dict[str, Any], **keys: Any) -> bytes:
    return json.dumps({"id": "bomb", "initial": next(iter(states)), "states": states, **keys}).encode()


def guarded(expression: str) -> bytes:
    return document({"a": {"on": {"GO": {"target": "b", "guard": {"@expr": expression}}}}, "b": {"type": "final"}})


def with_pattern(pattern: str, fields: int = 1) -> bytes:
    properties = {f"f{n}": {"type": "string", "pattern": pattern.replace("N", str(n))} for n in range(fields)}
    return document({"a": {"type": "final"}}, schemas={"context": {"properties": properties}})


def states(number: int) -> bytes:
    return document({f"s{n}": {"on": {"GO": f"s{(n + 1) % number}"}} for n in range(number)})


def ring_of_history() -> bytes:
    ring = {f"h{n}": {"type": "history", "target": f"h{(n + 1) % 900}"} for n in range(900)}
    return document({"a": {"initial": "b", "states": {"b": {}, **ring}, "on": {"GO": "#bomb.a.h0"}}})


def large() -> bytes:
    """As much as a definition may hold: not refused, and others must be served meanwhile all the same."""
    guard = "context.x{n} == {k} && event.y > {n}"
    return document(
        {
            f"s{n}": {
                "on": {
                    f"E{k}": {"target": f"s{(n * 7 + k) % 900}", "guard": {"@expr": guard.format(n=n, k=k)}}
                    for k in range(3)
                }
            }
            for n in range(900)
        }
    )


REFUSED: dict[str, bytes] = {
    "JSON that nests without end": b'{"a":' * 80_000,
    "states that nest without end": b'{"id":"bomb","initial":"a","states":{' + b'"a":{"initial":"a","states":{' * 300,
    "100,000 states": states(100_000),
    "40,000 states": document({f"s{n}": {} for n in range(40_000)}),
    "10,000 alternatives": guarded(" || ".join(["true"] * 10_000)),
    "2 KB of alternatives": guarded("||".join(["1<2"] * 400)),
    "macros in macros": guarded("[1].all(a, [1].all(b, [1].all(c, [1].all(d, true))))"),
    "a pattern that unfolds": guarded("actor.id.matches('((a{1000}){1000}){1000}')"),
    "a pattern of a schema that unfolds": with_pattern("((a{1000}){1000}){1000}"),
    "2,000 patterns that count to 900": with_pattern("(x{1,900})N", 2_000),
    "a circle of always": document({"a": {"always": "b"}, "b": {"always": "a"}}),
    "marks that turn the writing around": document({"a\u202eb": {"type": "final"}}),
    "letters of no width": document({"a\u200bb": {"type": "final"}}),
    "an accent apart from its letter": document({"e\u0301": {"type": "final"}}),
}
IMPORTED: dict[str, tuple[str, bytes]] = {
    "an entity in entities": (
        "application/xml",
        b'<!DOCTYPE scxml [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;">]><scxml><state id="&b;"/></scxml>',
    ),
    "elements that nest without end": ("application/xml", b"<scxml>" + b"<state>" * 60_000),
    "9,000 states": ("application/xml", b"<scxml>" + b"<state><transition event='e'/></state>" * 9_000 + b"</scxml>"),
    "machine JSON that nests without end": ("application/json", b'{"states":' * 60_000),
}


class Others:
    """Another caller, who sends ordinary events all the while; how long each answer took, in seconds."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self.took: list[float] = []
        self.failed: list[int] = []

    async def go_on(self) -> None:
        number = 0
        while True:
            number += 1
            begun = time.perf_counter()
            status, _, _ = await send(self._session, f"lamp-{number % 20}")
            self.took.append(time.perf_counter() - begun)
            if status not in (200, 201):
                self.failed.append(status)
            await asyncio.sleep(0.005)

    def __str__(self) -> str:
        return (
            f"{len(self.took)} events, median {statistics.median(self.took) * 1e3:.0f} ms, p99 {self.p99 * 1e3:.0f} ms"
        )

    @property
    def p99(self) -> float:
        return sorted(self.took)[int(len(self.took) * 0.99)]


@asynccontextmanager
async def under_way(session: aiohttp.ClientSession) -> AsyncIterator[Others]:
    others = Others(session)
    task = asyncio.create_task(others.go_on())
    try:
        await asyncio.sleep(0.5)
        yield others
    finally:
        task.cancel()
    print(others)


def megabytes(serving: Serving) -> float:
    """What the API's process holds in memory."""
    status = Path(f"/proc/{serving.process.pid}/status")
    if not status.exists():
        pytest.skip("this system does not tell how much memory a process has")
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


async def posted(session: aiohttp.ClientSession, path: str, body: bytes, media: str = "application/json") -> int:
    async with session.post(
        f"/api/v1/definitions{path}", data=io.BytesIO(body), headers={"content-type": media}
    ) as answer:
        said = await answer.text()
    assert answer.status < 500, said
    return answer.status


async def test_bombs_are_refused_soon_while_others_are_served(tmp_path: Path) -> None:
    with Serving(tmp_path / "data") as serving:
        async with callers_of(serving) as session, under_way(session) as others:
            await posted(session, "/check", large())
            before = megabytes(serving)

            for name, body in REFUSED.items():
                await posted(session, "/check", body)
                assert await posted(session, "?activate=true", body) in (400, 413, 422), name
            for name, (media, body) in IMPORTED.items():
                format = "scxml" if "xml" in media else "xstate"
                status = await posted(session, f"/import?format={format}", body, media)
                assert status == (200 if name == "9,000 states" else 400), name

            grown = megabytes(serving) - before
    print(f"{grown:.0f} MB more")

    assert others.failed == []
    assert others.p99 < OTHERS_S, str(others)
    assert grown < GROWTH_MB


async def test_a_definition_as_large_as_may_be_holds_nobody_up(tmp_path: Path) -> None:
    with Serving(tmp_path / "data") as serving:
        async with callers_of(serving) as session, under_way(session) as others:
            assert await posted(session, "?activate=true", large()) == 201

    assert others.failed == []
    assert others.p99 < OTHERS_S, str(others)


PICKED = {
    "id": "basket",
    "creation": "implicit",
    "initial": "open",
    "states": {
        "open": {
            "on": {
                "PICK": {"guard": {"@expr": "event.items.exists(i, i == 1)"}, "context": {"x": 1}},
                "NAME": {"guard": {"@expr": "event.name.matches('(a+)+$')"}, "context": {"x": 1}},
                "SPIN": {"target": "round", "context": {"n": 0}},
            }
        },
        "round": {"always": {"target": "round", "reenter": True, "guard": {"@expr": "context.n >= 0"}}},
    },
}


async def test_events_made_to_take_time_are_refused_soon(tmp_path: Path) -> None:
    bombs = {
        "PICK": ({"items": [0] * 60_000}, 422, "guard_error"),
        "NAME": ({"name": "a" * 100_000 + "b"}, 409, "guard_refused"),
        "SPIN": ({}, 422, "unstable"),
    }
    with Serving(tmp_path / "data") as serving:
        async with callers_of(serving) as session, under_way(session) as others:
            await register(session, json.dumps(PICKED).encode())
            for event, (data, status, why) in bombs.items():
                for _ in range(5):
                    body = {"event": event, "data": data}
                    async with session.post("/api/v1/entities/basket/1/transitions", json=body) as answer:
                        said = await answer.json()

                    assert (answer.status, said["why"]) == (status, why), said

    assert others.failed == []
    assert others.p99 < OTHERS_S, str(others)
