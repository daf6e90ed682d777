"""Replaying: lines of a log posted in order, each answered A or R, across broken connections and without growing.

Every line carries a command id made from the log and the line's number. So after a broken connection the lines without
an answer are simply sent again: what was recorded already is answered from the record.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import Counter, deque
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from typing import NamedTuple

import msgspec
from msgspec import Struct, field

from statewright.cli.lines import BadLine, command_of
from statewright.cli.servers import ConnectionBroken, Server, once
from statewright.machine.problem import Problem

AHEAD = 50_000
"""How many lines may be on the way without an answer."""
_CHUNK = 64 * 1024
_PATIENCE = 8
"""How often in a row a connection may break without a single answer; the waits between add up to about a minute."""
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
    number: int
    command: bytes
    """Empty for a line that cannot be sent; `fault` says why."""
    fault: str


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

    async def run(self, waiting: Callable[[str], None]) -> None:
        """Post every line. `waiting` is told when a connection broke and is tried again.

        Raises ConnectionBroken when the server stays away, Rejected when it will not take the call, Unreadable when
        the log breaks off.
        """
        failures = 0
        while not self._sent_last or self._unanswered:
            before = self._progress()
            try:
                async with self._server.post("/commands", "application/x-ndjson", self._body()) as answer:
                    if answer.status in _AGAIN:
                        raise ConnectionBroken(_problem(answer.status, await answer.text()).detail)
                    if answer.status != 200:
                        raise _rejection("the log was not taken", answer.status, await answer.text())
                    async for lines in answer.lines():
                        self._take(lines)
                if self._unanswered:
                    raise ConnectionBroken("the server ended its answer early")
            except ConnectionBroken as error:
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

    async def _body(self) -> AsyncGenerator[bytes, None]:
        """What has no answer yet, then what was never sent, in pieces of a size that is worth sending."""
        chunk = bytearray()
        for command in [line.command for line in self._unanswered]:
            chunk += command
            if len(chunk) >= _CHUNK:
                yield bytes(chunk)
                chunk.clear()
        while (numbered := self._read()) is not None:
            chunk += self._next(*numbered)
            if len(chunk) >= _CHUNK or (chunk and len(self._unanswered) >= AHEAD):
                yield bytes(chunk)
                chunk.clear()
            while len(self._unanswered) >= AHEAD:
                self._room.clear()
                await self._room.wait()
        self._sent_last = True
        if chunk:
            yield bytes(chunk)

    def _read(self) -> tuple[int, bytes] | None:
        """The next line; None at the end, and where the log cannot be read on: what was read till then still counts."""
        try:
            return next(self._lines, None)
        except (OSError, EOFError, zlib.error) as error:
            self._unreadable = error
            return None

    def _next(self, number: int, raw: bytes) -> bytes:
        try:
            line = _OnItsWay(number, command_of(raw, f"{self._log}:{number}"), "")
        except BadLine as error:
            line = _OnItsWay(number, b"", str(error))
        self._unanswered.append(line)
        self._settle_unsendable()
        return line.command

    def _take(self, lines: list[bytes]) -> None:
        for line in lines:
            answered = _answered(line)
            if answered.status in _AGAIN:  # not decided: from here on everything is sent again, in order
                raise ConnectionBroken(answered.detail)
            number = self._unanswered.popleft().number
            accepted = answered.status in _ACCEPTED
            code = "" if accepted else answered.code
            self._decided(Verdict(number, accepted, answered.status == 200, code, answered.detail))
            self._settle_unsendable()
        self._room.set()

    def _settle_unsendable(self) -> None:
        """Lines that are never sent get their verdict as soon as it is their turn."""
        while self._unanswered and not self._unanswered[0].command:
            line = self._unanswered.popleft()
            self._decided(Verdict(line.number, False, False, "malformed", line.fault))


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
