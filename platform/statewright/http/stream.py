"""Many commands as NDJSON: read as they come, decided in groups, answered in the same order.

Three things go on side by side: reading and deciding the next lines while the last ones are being made durable,
writing answers as soon as they are there, and sending them. So a caller may wait for an answer before it sends the
next line, and may as well send everything before it reads the first.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from statewright.catalog.principals import Principal
from statewright.commands import Committer
from statewright.http import answering
from statewright.http.answering import encode, extended
from statewright.http.problems import ProblemFound, problem_of
from statewright.http.reading import explained
from statewright.http.sending import LINE_BYTES, sends_of_lines, too_long

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COMMANDS = "/api/v1/commands"
GROUP_LINES = 500
_GROUPS_AT_ONCE = 2
"""One group is decided while the one before it is made durable."""
_UNSENT_BYTES = 64_000_000
"""How much is kept of answers that the caller does not take, before no more of its lines are read."""


class Gone(Exception):
    """The caller went away before it had said what it wanted."""


async def next_message(receive: Receive) -> MutableMapping[str, Any]:
    """The next part of a body. Raises Gone."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise Gone
    return message


class Group:
    """Some numbered lines, read and handed to the committer at once."""

    def __init__(
        self, committer: Committer, lines: Sequence[tuple[int, bytes]], principal: Principal, minimal: bool
    ) -> None:
        self._write = answering.minimal_line if minimal else answering.line
        read = sends_of_lines([text for _, text in lines], principal)
        self._malformed = [
            (index, lines[index][0], found) for index, found in enumerate(read) if isinstance(found, ProblemFound)
        ]
        self.settled = committer.submit([send for send in read if not isinstance(send, ProblemFound)])

    async def answers(self) -> list[bytes]:
        """The answers as they go over the wire, in the order of the lines."""
        answers = list(map(self._write, await self.settled))
        for index, number, found in self._malformed:
            answers.insert(index, await _malformed(number, found))
        return answers


async def _malformed(line: int, found: ProblemFound) -> bytes:
    body = extended(await explained(found), line=line).body
    # The place was found in the line by itself; the caller counts the lines of the call.
    body["detail"] = re.sub(r"^line 1,", f"line {line},", body["detail"])
    return encode(body)


class Stream:
    """One call."""

    def __init__(self, committer: Committer, principal: Principal, minimal: bool) -> None:
        self._committer = committer
        self._principal = principal
        self._minimal = minimal
        self._line = 0
        self._rest = b""
        self._skipping = False
        self._groups: asyncio.Queue[Group | bytes | None] = asyncio.Queue()
        self._places = asyncio.Semaphore(_GROUPS_AT_ONCE)
        self._unsent: asyncio.Queue[bytes | None] = asyncio.Queue()
        self._unsent_bytes = 0
        self._taken = asyncio.Event()

    async def run(self, receive: Receive, send: Send) -> None:
        """Read, decide and answer to the end. What fails on the way is said in a last line, as the status is out."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._write_answers())
                tasks.create_task(self._send_answers(send))
                await self._read(receive)
        except* Gone:
            pass  # nobody is left to answer; what was accepted is recorded all the same
        except* Exception as failed:
            found = problem_of(failed.exceptions[0], f"POST {COMMANDS}")
            await send({"type": "http.response.body", "body": encode(found.body) + b"\n", "more_body": False})

    async def _read(self, receive: Receive) -> None:
        more = True
        while more:
            message = await next_message(receive)
            more = message.get("more_body", False)
            await self._take(message.get("body", b""), last=not more)
        self._groups.put_nowait(None)

    async def _take(self, chunk: bytes, *, last: bool) -> None:
        lines = (self._rest + chunk).split(b"\n") if self._rest else chunk.split(b"\n")
        self._rest = b"" if last else lines.pop()
        numbered: list[tuple[int, bytes]] = []
        for text in lines:
            self._line += 1
            if self._skipping:
                self._skipping = False  # the end of a line that was answered when it became too long
            elif text.strip():
                numbered.append((self._line, text))
        for start in range(0, len(numbered), GROUP_LINES):
            await self._decide(numbered[start : start + GROUP_LINES])
        if len(self._rest) > LINE_BYTES or (self._skipping and self._rest):
            self._give_up_on_line()

    def _give_up_on_line(self) -> None:
        self._rest = b""
        if not self._skipping:
            self._skipping = True
            self._groups.put_nowait(encode(too_long(self._line + 1).body))

    async def _decide(self, lines: list[tuple[int, bytes]]) -> None:
        await self._places.acquire()
        await self._committer.room_for(len(lines))
        while self._unsent_bytes > _UNSENT_BYTES:
            self._taken.clear()
            await self._taken.wait()
        group = Group(self._committer, lines, self._principal, self._minimal)
        group.settled.add_done_callback(lambda _: self._places.release())
        self._groups.put_nowait(group)

    async def _write_answers(self) -> None:
        while (group := await self._groups.get()) is not None:
            text = group if isinstance(group, bytes) else b"\n".join(await group.answers())
            self._unsent_bytes += len(text)
            self._unsent.put_nowait(text + b"\n")
        self._unsent.put_nowait(None)

    async def _send_answers(self, send: Send) -> None:
        headers = [(b"content-type", b"application/x-ndjson")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        while (text := await self._unsent.get()) is not None:
            await send({"type": "http.response.body", "body": text, "more_body": True})
            self._unsent_bytes -= len(text) - 1
            self._taken.set()
        await send({"type": "http.response.body", "body": b"", "more_body": False})
