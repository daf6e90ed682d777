"""Replaying: lines of a log posted in order, each answered A or R, across broken connections and without growing.

Every line carries a command id made from the log and the line's number, so nothing is recorded twice. After a broken
connection that alone is not enough: a line that was refused would be decided again, on a state that later lines have
changed meanwhile, and might be let through. So lines that may have been sent before are first looked up in the
histories of their entities: what stands there was accepted, and what stands before something there was refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import zlib
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from typing import NamedTuple
from urllib.parse import quote

import msgspec
from msgspec import Struct, field

from statewright.cli.lines import BadLine, Command, command_of
from statewright.cli.servers import ConnectionBroken, NeverReached, Server, once
from statewright.machine.problem import Problem

AHEAD = 50_000
"""How many lines may be on the way without an answer."""
PATIENT_S = 10.0
"""How long to wait for answers before a call is ended and another one carries on, in seconds."""
_CHUNK = 64 * 1024
_PATIENCE = 8
"""How often in a row a connection may break without a single answer; the waits between add up to about a minute."""
_LOOKED_AT = 100
"""How many first lines are looked up to learn whether the log was sent before."""
_PASTS_KEPT = 20_000
REFUSED_EARLIER = "refused_earlier"
"""The reason given for a line that was refused when the log was sent before: why, the server does not remember."""
_AGAIN = frozenset({502, 503, 504})
_ACCEPTED = frozenset({200, 201})


class Verdict(NamedTuple):
    """What became of one line. `code` is why it was refused ("" when it was accepted), `detail` says it in words."""

    number: int
    accepted: bool
    repeated: bool
    code: str
    detail: str


class Summary(Struct):
    """What became of all lines; `refused` counts by reason."""

    accepted: int = 0
    repeated: int = 0
    refused: Counter[str] = field(default_factory=Counter)

    def add(self, verdict: Verdict) -> None:
        """Count one more."""
        self.accepted += verdict.accepted
        self.repeated += verdict.repeated
        if not verdict.accepted:
            self.refused[verdict.code] += 1


class Rejected(Exception):
    """The server would not take the call at all; `problems` are those of a definition."""

    def __init__(self, what: str, detail: str, problems: list[Problem]) -> None:
        super().__init__(f"{what}: {detail}")
        self.problems = problems


class Unreadable(Exception):
    """The log breaks off, as a file does that was copied in part; what stood before was sent."""


class _Answered(Struct):
    """The little that is read of an answer, whether it is one of many or one of a whole call."""

    status: int = 0
    type: str = ""
    detail: str = ""
    problems: list[Problem] = []

    @property
    def code(self) -> str:
        return self.type.rpartition("/")[2] or str(self.status)


class _OnItsWay(NamedTuple):
    """A line without an answer: the command it is, or the verdict that is known without asking."""

    number: int
    command: Command | None
    verdict: Verdict | None


class _Past(Struct):
    """What an entity's history holds: ids of commands, and the number of the last line of this log among them."""

    commands: frozenset[str] = frozenset()
    last: int = 0


class _Moved(Struct):
    command: str


class _History(Struct):
    items: list[_Moved]
    next: str | None


_history = msgspec.json.Decoder(_History).decode
_answered = msgspec.json.Decoder(_Answered).decode


async def register(server: Server, text: bytes, name: str) -> None:
    """Register a definition and make it the active one. Raises Rejected, and ConnectionBroken."""
    async with server.post("/definitions?activate=true", "application/json", once(text)) as answer:
        if answer.status not in _ACCEPTED:
            raise _rejection(name, answer.status, await answer.text())


class Replay:
    """One log on its way to a server. `decided` is told what became of each line, in the order of the lines."""

    def __init__(
        self, server: Server, lines: Iterable[tuple[int, bytes]], log: str, decided: Callable[[Verdict], None]
    ) -> None:
        self._server = server
        self._lines = iter(lines)
        self._log = log
        self._decided = decided
        self._unanswered: deque[_OnItsWay] = deque()
        self._sent_last = False
        self._room = asyncio.Event()
        self._unreadable: Exception | None = None
        self._sent_before = False
        self._pasts: dict[tuple[str, str], _Past] = {}

    async def run(self, waiting: Callable[[str], None]) -> None:
        """Post every line. `waiting` is told when a connection broke and is tried again.

        Raises NeverReached when there was no server from the start, ConnectionBroken when it stays away, Rejected when
        it will not take the call, Unreadable when the log breaks off.
        """
        failures = 0
        started = in_doubt = False
        while not self._sent_last or self._unanswered:
            before = self._progress()
            try:
                if not started:
                    await self._begin()
                    started = True
                if in_doubt:
                    await self._look_up_unanswered()
                    in_doubt = False
                await self._post()
            except ConnectionBroken as error:
                if not started:
                    raise NeverReached(str(error)) from error
                in_doubt = True
                failures = 0 if self._progress() != before else failures + 1
                if failures >= _PATIENCE:
                    raise
                waiting(str(error))
                await asyncio.sleep(min(15.0, 0.25 * 2**failures))
        if self._unreadable is not None:
            raise Unreadable(f"the log cannot be read to its end: {self._unreadable}") from self._unreadable

    def _progress(self) -> int:
        """The number of the first line without an answer."""
        return self._unanswered[0].number if self._unanswered else -1

    # --- Sending

    async def _post(self) -> None:
        async with self._server.post("/commands", "application/x-ndjson", self._body()) as answer:
            if answer.status in _AGAIN:
                raise ConnectionBroken(_problem(answer.status, await answer.text()).detail)
            if answer.status != 200:
                raise _rejection("the log was not taken", answer.status, await answer.text())
            async for lines in answer.lines():
                self._take(lines)
        if self._unanswered:
            raise ConnectionBroken("the server ended its answer early")

    async def _body(self) -> AsyncGenerator[bytes, None]:
        """What has no answer yet, then what was never sent, in pieces of a size that is worth sending."""
        chunk = bytearray()
        for text in [line.command.text for line in self._unanswered if line.command is not None]:
            chunk += text
            if len(chunk) >= _CHUNK:
                yield bytes(chunk)
                chunk.clear()
        while (numbered := self._read()) is not None:
            line = await self._prepared(*numbered)
            self._unanswered.append(line)
            self._settle_known()
            chunk += b"" if line.command is None else line.command.text
            if len(chunk) >= _CHUNK or (chunk and len(self._unanswered) >= AHEAD):
                yield bytes(chunk)
                chunk.clear()
            if len(self._unanswered) >= AHEAD and not await self._has_room():
                return
        self._sent_last = True
        if chunk:
            yield bytes(chunk)

    async def _has_room(self) -> bool:
        """Whether enough was answered to send on.

        If not, something on the way holds back what we send until it has all of it, as some proxies do; so this call
        must end, and the rest goes with another.
        """
        try:
            async with asyncio.timeout(PATIENT_S):
                while len(self._unanswered) >= AHEAD:
                    self._room.clear()
                    await self._room.wait()
        except TimeoutError:
            return False
        return True

    def _read(self) -> tuple[int, bytes] | None:
        """The next line; None at the end, and where the log cannot be read on: what was read till then still counts."""
        try:
            return next(self._lines, None)
        except (OSError, EOFError, zlib.error) as error:
            self._unreadable = error
            return None

    async def _prepared(self, number: int, raw: bytes) -> _OnItsWay:
        try:
            command = command_of(raw, f"{self._log}:{number}")
        except BadLine as error:
            return _OnItsWay(number, None, Verdict(number, False, False, "malformed", str(error)))
        line = _OnItsWay(number, command, None)
        return await self._looked_up(line) if self._sent_before else line

    def _take(self, lines: list[bytes]) -> None:
        for text in lines:
            answered = _answered(text)
            if answered.status in _AGAIN:  # not decided: from here on everything is sent again, in order
                raise ConnectionBroken(answered.detail)
            number = self._unanswered.popleft().number
            accepted = answered.status in _ACCEPTED
            code = "" if accepted else answered.code
            self._decided(Verdict(number, accepted, answered.status == 200, code, answered.detail))
            self._settle_known()
        self._room.set()

    def _settle_known(self) -> None:
        """Verdicts that are known without asking are given as soon as it is their turn."""
        while self._unanswered and (verdict := self._unanswered[0].verdict) is not None:
            self._unanswered.popleft()
            self._decided(verdict)

    # --- Lines that may have been sent before

    async def _begin(self) -> None:
        """Find out from the first lines whether this log was sent before; the lines are put back."""
        first = list(itertools.islice(iter(self._read, None), _LOOKED_AT))
        self._lines = itertools.chain(first, self._lines)
        for number, raw in first:
            with contextlib.suppress(BadLine):
                command = command_of(raw, f"{self._log}:{number}")
                past = await self._past(command)
                if past.last or command.id in past.commands:
                    self._sent_before = True
                    return

    async def _look_up_unanswered(self) -> None:
        """Whatever was on its way when the connection broke may have been decided, and its answer lost."""
        self._pasts.clear()
        self._unanswered = deque([await self._looked_up(line) for line in self._unanswered])
        self._settle_known()

    async def _looked_up(self, line: _OnItsWay) -> _OnItsWay:
        """The line, with its verdict in place of the command where the entity's history tells what it was."""
        if line.command is None:
            return line
        past = await self._past(line.command)
        if line.command.id in past.commands:
            return _OnItsWay(line.number, None, Verdict(line.number, True, True, "", ""))
        if line.number < past.last:
            detail = "a later event of this entity was recorded when the log was sent before"
            return _OnItsWay(line.number, None, Verdict(line.number, False, False, REFUSED_EARLIER, detail))
        return line

    async def _past(self, command: Command) -> _Past:
        entity = (command.type, command.entity)
        if entity not in self._pasts:
            if len(self._pasts) >= _PASTS_KEPT:
                self._pasts.clear()
            self._pasts[entity] = await self._read_past(f"/entities/{quote(entity[0], '')}/{quote(entity[1], '')}")
        return self._pasts[entity]

    async def _read_past(self, path: str) -> _Past:
        commands: list[str] = []
        after: str | None = "0"
        while after is not None:
            async with self._server.get(f"{path}/transitions?after={after}&limit=10000") as answer:
                text = await answer.text()
                if answer.status in _AGAIN:
                    raise ConnectionBroken(_problem(answer.status, text).detail)
                if answer.status != 200:  # no such entity, or no such type
                    break
            part = _history(text)
            commands += [moved.command for moved in part.items]
            after = part.next
        numbers = [int(command.rpartition(":")[2]) for command in commands if command.startswith(self._log + ":")]
        return _Past(frozenset(commands), max(numbers, default=0))


def numbered(lines: Iterable[bytes]) -> Iterator[tuple[int, bytes]]:
    """The lines that say something, with their numbers, which count from 1."""
    return ((number, line) for number, line in enumerate(lines, 1) if line.strip())


def _problem(status: int, text: bytes) -> _Answered:
    """The problem document that a call was answered with, or the text that something in between sent instead."""
    try:
        return _answered(text)
    except msgspec.MsgspecError:
        return _Answered(status=status, detail=f"the server answered {status}: {text[:200].decode(errors='replace')}")


def _rejection(what: str, status: int, text: bytes) -> Rejected:
    problem = _problem(status, text)
    return Rejected(what, problem.detail, problem.problems)
