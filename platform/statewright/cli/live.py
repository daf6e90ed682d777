"""Life for the demo: a process that now and then sends a plausible event to a running server."""

from __future__ import annotations

import asyncio
import multiprocessing
import re
import secrets
import signal
import time
from random import Random
from urllib.parse import quote, urlencode

import msgspec
from msgspec import UNSET, Struct
from msgspec.structs import replace

from statewright.cli.lines import Line
from statewright.cli.servers import ConnectionBroken, RemoteServer, Server, once
from statewright.cli.simulation import Life, Simulation
from statewright.machine.compile import compile_machine
from statewright.machine.reading import read_definition
from statewright.machine.record import Head, Leaves

_BEGINS = 0.2
"""How often something new begins, rather than something under way moving on."""
_MISTAKES = 0.06
_MADE = re.compile(r"-(\d{5,}|[0-9a-f]{6})")
"""How an id goes on after its type when the demo made it: numbered by the histories, or drawn by us."""
_GIVE_UP_S = 60
_LISTED = 500


class _Shown(Struct):
    """What is read of an entity, listed or whole."""

    entity: str
    leaves: list[str]
    data: dict[str, object] = {}
    version: int = 0
    revision: int = 0


class _Listed(Struct):
    items: list[_Shown]


def start(url: str, types: list[str], pause_s: float) -> None:
    """Begin to move entities of `types` on the server at `url`, about every `pause_s` seconds; ends with this process.

    A process of its own, started afresh: the server's processes must not inherit threads or sockets of ours.
    """
    context = multiprocessing.get_context("spawn")
    context.Process(target=_main, args=(url, types, pause_s), daemon=True).start()


def _main(url: str, types: list[str], pause_s: float) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server, which ends us
    asyncio.run(_move_for_ever(url, types, pause_s))


async def _move_for_ever(url: str, types: list[str], pause_s: float) -> None:
    """Send until the server stays away for a minute."""
    random = Random()  # noqa: S311  # any course of events will do
    reached = time.monotonic()
    async with RemoteServer(url) as server:
        mover = Mover(server, random)
        while time.monotonic() - reached < _GIVE_UP_S:
            await asyncio.sleep(min(10 * pause_s, random.expovariate(1 / pause_s)))
            try:
                await mover.move(random.choice(types))
                reached = time.monotonic()
            except ConnectionBroken:
                continue


def made_by_the_demo(type: str, entity: str) -> bool:
    """Whether the id is one that the demo gives; all others are its user's, and are left alone."""
    return entity.startswith(type) and _MADE.fullmatch(entity, len(type)) is not None


def _drawn_id(type: str) -> str:
    return f"{type}-{secrets.token_hex(3)}"


class Mover:
    """Moves entities of a running server, one at a time; only those that the demo made, never those of its user."""

    def __init__(self, server: Server, random: Random) -> None:
        self._server = server
        self._random = random
        self._simulations: dict[str, Simulation] = {}

    async def move(self, type: str) -> None:
        """Send one event to an entity of `type`, or begin a new one. Raises ConnectionBroken."""
        simulation = self._simulations.get(type)
        if simulation is None:
            simulation = self._simulations[type] = await self._simulation(type)
        life = await self._under_way(simulation) if self._random.random() > _BEGINS else None
        if life is None:
            life = Life(_drawn_id(type))
        moment = time.time_ns() // 1_000
        line = simulation.mistake(life, moment) if self._random.random() < _MISTAKES else simulation.step(life, moment)
        if line is not None:
            await self._post(replace(line, occurred_at=UNSET))

    async def _simulation(self, type: str) -> Simulation:
        reading = read_definition(await self._read(f"/definitions/{quote(type)}"))
        if reading.definition is None:
            raise ConnectionBroken(f"the server gave no definition of {type}")
        machine = compile_machine(reading.definition, revision=1, digest=reading.digest)
        return Simulation(machine, self._random.randrange(2**32))

    async def _under_way(self, simulation: Simulation) -> Life | None:
        """Some entity that the demo made, in some state that has a way out, as it is at this moment."""
        machine = simulation.machine
        resting = [path for path, node in machine.states.items() if node.type == "atomic"]
        state = self._random.choice(resting)
        asked = urlencode({"state": state, "limit": _LISTED})
        listed = msgspec.json.decode(await self._read(f"/entities/{machine.type}?{asked}"), type=_Listed)
        ours = [shown.entity for shown in listed.items if made_by_the_demo(machine.type, shown.entity)]
        if not ours:
            return None
        chosen = quote(self._random.choice(ours), safe="")
        shown = msgspec.json.decode(await self._read(f"/entities/{machine.type}/{chosen}"), type=_Shown)
        leaves: Leaves = tuple(shown.leaves)
        head = Head(version=shown.version, revision=shown.revision, leaves=leaves, data=shown.data)
        return Life(shown.entity, head, visits={leaves: 1})

    async def _read(self, path: str) -> bytes:
        async with self._server.get(path) as answer:
            text = await answer.text()
            if answer.status != 200:
                raise ConnectionBroken(f"{path} answered {answer.status}")
            return text

    async def _post(self, line: Line) -> None:
        body = once(msgspec.json.encode(line) + b"\n")
        async with self._server.post("/commands", "application/x-ndjson", body) as answer:
            await answer.text()
