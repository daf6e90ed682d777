"""A real `statewright serve` in a process of its own, and callers who remember what they were told."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import aiohttp
import orjson

from tests.acceptance.lamp import LAMP

STARTS_WITHIN_S = 120.0
STOPS_WITHIN_S = 120.0
_GREETING = re.compile(r"Statewright is at (http://\S+?)/ ")
_numbers = itertools.count(1)
GONE = (aiohttp.ClientError, TimeoutError, OSError)
"""What a caller sees when the server has gone away."""


class Serving:
    """`statewright serve` on a data folder, as an operator would start it; `url` is where it listens."""

    def __init__(self, data: Path, *options: str) -> None:
        self.data = data
        self.said = data.parent / f"{data.name}-{next(_numbers)}.stderr"
        command = [sys.executable, "-m", "statewright", "serve", "--data", str(data), "--port", "0", *options]
        with self.said.open("wb") as said:
            # A session of its own, so that the whole of it can be killed at once, as when a machine goes down.
            self.process = subprocess.Popen(command, stdout=said, stderr=said, start_new_session=True)
        self.url = self._wait_for_address()

    def _wait_for_address(self) -> str:
        deadline = time.monotonic() + STARTS_WITHIN_S
        while time.monotonic() < deadline:
            greeting = _GREETING.search(self.said.read_text())
            if greeting:
                return greeting[1]
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        self.kill()
        raise AssertionError(f"the server did not start; it said:\n{self.said.read_text()}")

    def kill(self, *, all_of_it: bool = True) -> None:
        """`kill -9`: of both processes, or of the API alone."""
        with suppress(ProcessLookupError):
            if all_of_it:
                os.killpg(self.process.pid, signal.SIGKILL)
            else:
                self.process.kill()
        self.process.wait()

    def ask_to_stop(self) -> None:
        """SIGTERM, to the one process that an operator knows of."""
        self.process.send_signal(signal.SIGTERM)

    def stop(self) -> int:
        """Ask it to stop, and give its exit status."""
        self.ask_to_stop()
        return self.process.wait(STOPS_WITHIN_S)

    def __enter__(self) -> Serving:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()


@asynccontextmanager
async def callers_of(serving: Serving, connections: int = 64):
    """A client session with so many connections, on which the lamp's definition is registered."""
    connector = aiohttp.TCPConnector(limit=connections)
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(serving.url, connector=connector, timeout=timeout) as session:
        await register(session)
        yield session


async def register(session: aiohttp.ClientSession, document: bytes = LAMP) -> None:
    """Register and activate a definition, as a service does at every start."""
    headers = {"content-type": "application/json"}
    async with session.post("/api/v1/definitions?activate=true", data=document, headers=headers) as answer:
        assert answer.status in (200, 201), await answer.text()


async def send(
    session: aiohttp.ClientSession, lamp: str, event: str = "SWITCH", command: str | None = None, **body: Any
) -> tuple[int, dict[str, Any], dict[str, str]]:
    """Send one event; gives status, document and headers of the answer."""
    headers = {"content-type": "application/json"} | ({"idempotency-key": f'"{command}"'} if command else {})
    text = orjson.dumps({"event": event, **body})
    async with session.post(f"/api/v1/entities/lamp/{lamp}/transitions", data=text, headers=headers) as answer:
        return answer.status, orjson.loads(await answer.read()), dict(answer.headers)


async def get(session: aiohttp.ClientSession, path: str) -> dict[str, Any]:
    """A document that must be there."""
    async with session.get(path) as answer:
        assert answer.status == 200, f"GET {path}: {answer.status} {await answer.text()}"
        found: dict[str, Any] = orjson.loads(await answer.read())
        return found


class Asked(NamedTuple):
    """What a command asks for: that a lamp be switched or touched, with so much data."""

    lamp: str
    event: str
    data: dict[str, Any]


class Ledger:
    """What callers asked for and what they were told, per command."""

    def __init__(self, lamps: int) -> None:
        self.lamps = lamps
        self.asked: dict[str, Asked] = {}
        self.told: dict[str, dict[str, Any]] = {}
        self.turned_away: dict[str, int] = {}

    @property
    def unanswered(self) -> set[str]:
        """The commands of which nobody was told anything."""
        return self.asked.keys() - self.told.keys() - self.turned_away.keys()

    async def keep_switching(self, session: aiohttp.ClientSession, caller: str) -> None:
        """Send one event after the other until the server is gone."""
        for number in itertools.count():
            command = f"{caller}-{number}"
            try:
                await self.send(session, command, self._ask(command, {"by": caller, "n": number}))
            except GONE:
                return

    async def send(self, session: aiohttp.ClientSession, command: str, asked: Asked) -> None:
        """Send one command, for the first time or again."""
        status, document, _ = await send(session, *asked[:2], command, data=asked.data)
        self._note(command, status, document)

    async def keep_sending_many(self, session: aiohttp.ClientSession, caller: str) -> None:
        """Send thirty events at a time until the server is gone; each line of an answer counts once it has come."""
        for number in itertools.count():
            commands = [f"{caller}-{number}-{line}" for line in range(30)]
            try:
                async for command, document in send_many(session, {one: self._ask(one, {}) for one in commands}):
                    self._note(command, document["status"], document)
            except GONE:
                return

    def _ask(self, command: str, data: dict[str, Any]) -> Asked:
        number = crc32(command.encode())
        asked = Asked(f"lamp-{number % self.lamps}", "SWITCH" if number % 5 else "TOUCH", data)
        self.asked[command] = asked
        return asked

    def _note(self, command: str, status: int, document: dict[str, Any]) -> None:
        if status in (200, 201):
            self.told[command] = document
        else:
            self.turned_away[command] = status


async def send_many(session: aiohttp.ClientSession, asked: dict[str, Asked]):
    """Send commands in one call as NDJSON; gives each command with its answer, as they come."""
    lines = [
        {"type": "lamp", "entity": one.lamp, "event": one.event, "id": command, "data": one.data}
        for command, one in asked.items()
    ]
    headers = {"content-type": "application/x-ndjson"}
    body = b"\n".join(orjson.dumps(line) for line in lines)
    async with session.post("/api/v1/commands", data=body, headers=headers) as answer:
        for command in asked:
            text = await answer.content.readline()
            if not text.endswith(b"\n"):
                return  # the server went away in the middle of a line
            yield command, orjson.loads(text)
