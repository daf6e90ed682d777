"""Every page over a long log: 150,000 entities of three types and 1,000,000 transitions, unless told otherwise.

The log is made in process, on a clock of its own that runs through the ninety days before now, so that ages, periods
and lists of what is stuck look as they do in life; the consolidators build their views from it as they would.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec
import uvloop

from benchmarks import processes
from benchmarks.processes import Server
from benchmarks.report import Row
from statewright.catalog import Catalog
from statewright.commands.recording import step_of
from statewright.commands.words import SendEvent, digest_of
from statewright.machine.compile import Machine
from statewright.machine.decide import Event, Refused, decide
from statewright.machine.record import Actor, Head
from statewright.settings import Settings
from statewright.stores.sqlite import SqliteStore
from statewright.stores.words import Append, Ref

SHARES = {"claim": 0.6, "permit": 0.3, "parcel": 0.1}
"""The types, and what part of the entities each has."""
ENTITIES_EACH = 20 / 3
"""Transitions for one entity: 150,000 entities in a million."""
LOOKED_AT = 12
"""How often each page is fetched."""
ASKED_MS = 100.0
_DAYS_US = 90 * 86_400_000_000
_GROUP = 500
_STATES = ("received", "checked", "assigned", "in_work", "waiting", "decided", "closed")
_WEIGHTS = (1, 2, 4, 8, 12, 3, 0)
"""Entities rest in some states more often than in others."""


def definition(type: str) -> dict[str, Any]:
    """A definition whose events lead from every open state to any other, so that lives may be of any shape."""
    names: dict[str, Any] = {f"TO_{state.upper()}": {"target": state, "keep": ["amount", "desk"]} for state in _STATES}
    fields = {
        "customer": {"type": "string"},
        "amount": {"type": "integer"},
        "desk": {"type": "string", "enum": [f"desk-{number}" for number in range(7)]},
        "urgent": {"type": "boolean"},
    }
    carried = {"type": "object", "properties": {"amount": fields["amount"], "desk": fields["desk"]}}
    return {
        "id": type,
        "label": type.capitalize(),
        "schemas": {
            "context": {"type": "object", "properties": fields},
            "events": dict.fromkeys(names, carried),
        },
        "initial": _STATES[0],
        "states": {state: {"type": "final"} if state == _STATES[-1] else {"on": names} for state in _STATES},
    }


def measure(folder: Path, transitions: int) -> list[Row]:
    """The rows of this part: the median of every page of the platform."""
    data = folder / "pages"
    data.mkdir()
    uvloop.run(make(data, transitions))
    with processes.statewright(data) as server:
        _wait_for_views(server)
        return [_took(server, what, path) for what, path in addresses(server)]


async def make(data: Path, transitions: int) -> None:
    """A log of so many transitions in an empty data folder, with its catalogue."""
    settings = Settings(data=data)
    catalog, store = Catalog.open(settings.catalog_url), SqliteStore.open(settings.log)
    machines = {}
    for type in SHARES:
        catalog.register(msgspec.json.encode(definition(type)), activate=True)
        machine = catalog.active(type)
        if machine is None:
            raise RuntimeError(f"the definition of {type} is not active")
        machines[type] = machine
    group: list[Append] = []
    for append in _lives(machines, transitions):
        group.append(append)
        if len(group) == _GROUP:
            await store.append(group)
            group = []
    if group:
        await store.append(group)
    await store.close()
    catalog.close()


def _lives(machines: dict[str, Machine], transitions: int) -> Iterator[Append]:
    """The commands in the order of their times; the same in every run but for the day."""
    dice = random.Random(2026)
    entities = max(int(transitions / ENTITIES_EACH), 1)
    began = time.time_ns() // 1_000 - _DAYS_US
    heads: dict[Ref, Head] = {}
    open_: list[Ref] = []
    types, shares = list(SHARES), list(SHARES.values())
    for number in range(transitions):
        now = began + _DAYS_US * number // transitions
        actor = Actor(f"clerk-{dice.randrange(40)}", ("desk",))
        if not open_ or len(heads) < entities * (number + 1) / transitions:
            type = dice.choices(types, shares)[0]
            ref = Ref(type, f"{type[0]}-{number:07d}")
            send = SendEvent(
                ref, None, {**_carried(dice), "customer": f"C-{dice.randrange(20_000)}", "urgent": dice.random() < 0.05}
            )
            open_.append(ref)
        else:
            at = dice.randrange(len(open_))
            ref = open_[at]
            state = dice.choices(_STATES, _WEIGHTS)[0] if dice.random() < 0.97 else _STATES[-1]
            send = SendEvent(ref, f"TO_{state.upper()}", _carried(dice))
            if state == _STATES[-1]:
                open_[at] = open_[-1]
                open_.pop()
        send.actor, send.command = actor, f"c-{number}"
        send.digest = digest_of(send)
        decided = decide(
            machines[ref.type], heads.get(ref), Event(send.event, send.data, actor, now=now, entity=ref.id)
        )
        if isinstance(decided, Refused):
            raise RuntimeError(f"{send} was refused: {decided.detail}")
        step = step_of(machines[ref.type], send, f"c-{number}", send.digest, heads.get(ref), decided, now)
        heads[ref] = step.after
        yield Append(command=f"c-{number}", digest=send.digest, now=now, steps=[step])


def _carried(dice: random.Random) -> dict[str, Any]:
    return {"amount": dice.randrange(100_000), "desk": f"desk-{dice.randrange(7)}"}


def _wait_for_views(server: Server) -> None:
    place = server.call("GET", "/api/v1/transitions?limit=1&after=0")["next"]
    late = time.monotonic() + 1_800
    while any(
        each["lag"] or each["generation"] is None for each in server.call("GET", "/api/v1/consolidators")["items"]
    ):
        if time.monotonic() > late:
            raise RuntimeError(f"the views are not built after half an hour; the log begins at {place}")
        time.sleep(1)


def addresses(server: Server) -> list[tuple[str, str]]:
    """What is fetched: every page of the platform, and the lists in many ways."""
    deep = _deep(server, "type=claim&limit=10000", 5)
    entity = server.call("GET", "/api/v1/entities/claim?limit=1")["items"][0]["entity"]
    return [
        ("overview", "/"),
        ("entities, all types", "/entities"),
        ("entities of a type", "/entities?q=type:claim"),
        ("  50,000 rows further", f"/entities?q=type:claim&after={quote(deep)}"),
        ("  in two states", "/entities?q=" + quote("type:claim state:waiting,in_work")),
        ("  stuck longest first", "/entities?order=longest&q=" + quote("type:claim -state:closed")),
        ("  by actor", "/entities?q=" + quote("type:claim actor:clerk-7")),
        ("  stuck for long", "/entities?order=longest&q=" + quote("type:claim -state:closed since:>10d")),
        ("  by data, one in ten", "/entities?q=" + quote("type:claim data.amount:>90000")),
        ("  by data, one in 10,000", "/entities?q=" + quote("type:claim data.customer:C-77")),
        ("  by data, none", "/entities?q=" + quote("type:claim data.customer:nobody")),
        ("  by a part of the id", "/entities?q=" + quote("type:claim 99")),
        ("  by a part no id has", "/entities?q=" + quote("type:claim nothing-like-it")),
        ("an entity", f"/entities/claim/{entity}"),
        ("definitions", "/definitions"),
        ("a definition", "/definitions/claim"),
        ("refusals", "/refusals"),
        ("metrics, all types", "/metrics-by-type"),
        ("metrics of a type", "/metrics/claim"),
        ("system", "/system"),
    ]


def _deep(server: Server, asked: str, pages: int) -> str:
    after = ""
    for _ in range(pages):
        more = f"&after={quote(after)}" if after else ""
        after = server.call("GET", f"/api/v1/entities?{asked}{more}")["next"] or after
    return after


def _took(server: Server, what: str, path: str) -> Row:
    took_ms = []
    server.fetch("GET", path)
    for _ in range(LOOKED_AT):
        began = time.perf_counter()
        server.fetch("GET", path)
        took_ms.append((time.perf_counter() - began) * 1000)
    return Row(
        part="pages",
        what=what,
        ours=statistics.median(took_ms),
        unit="ms",
        asked=ASKED_MS,
        of="ours",
        at_most=True,
        note=f"median of {LOOKED_AT}, slowest {max(took_ms):.0f} ms",
    )
