"""The load generator: a process of its own that keeps connections busy with requests built beforehand.

Raw asyncio on uvloop, one request under way on each connection, the status of every answer verified. It is the same
for the floors and for us, and cheap enough that the server is what is measured. A plan comes in as JSON on the
command line, what was measured goes out as JSON.
"""

from __future__ import annotations

import asyncio
import re
import sys
import time
from collections import Counter

import msgspec
import uvloop
from msgspec import Struct

from benchmarks import workload

LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
LINE_DONE = b'"status":201'


class Plan(Struct, frozen=True, kw_only=True):
    """Whom to load, with what and for how long. `first` numbers the first request, so that ids never meet again."""

    port: int
    form: workload.Form
    connections: int = 1
    seconds: float = 2.0
    warm_s: float = 0.4
    first: int = 0
    count: int = 20_000
    lines: int = 500
    minimal: bool = False


class Measured(Struct, frozen=True, kw_only=True):
    """What came of a plan. `answers` were counted in `elapsed_s` after warming up; `used` were sent in all."""

    answers: int
    elapsed_s: float
    used: int
    p50_ms: float
    p99_ms: float
    wrong: dict[str, int]

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.answers / self.elapsed_s


class Run:
    """What the connections of one plan share: the requests still to send, the answers counted, and the end."""

    def __init__(self, plan: Plan) -> None:
        self.requests = list(workload.requests(plan.form, plan.first, plan.count, plan.lines, plan.minimal))
        self.requests.reverse()
        self.used = 0
        self.open = plan.connections
        self.wrong: Counter[str] = Counter()
        self.seconds: list[float] = []
        self.counting_from = 0.0
        self.last_answer = 0.0
        self.lines = plan.lines if plan.form in ("ndjson", "array") else 0
        self.stopping = False
        self.over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def next_request(self) -> bytes | None:
        """The request to send now; None when time or requests are up."""
        if self.stopping or not self.requests:
            return None
        self.used += 1
        return self.requests.pop()

    def answered(self, status: bytes, answer: bytes, sent_at: float) -> None:
        """Verify one answer, and count it when warm and not yet over."""
        if self.lines:
            if status != b"200" or answer.count(LINE_DONE) != self.lines:
                self.wrong[f"{status.decode()} {answer[-300:]!r}"] += 1
        elif status != b"201":
            self.wrong[f"{status.decode()} {answer[-300:]!r}"] += 1
        if self.counting_from and not self.stopping:
            self.last_answer = time.perf_counter()
            self.seconds.append(self.last_answer - sent_at)

    def closed(self) -> None:
        """One connection has nothing more to do."""
        self.open -= 1
        if self.open == 0 and not self.over.done():
            self.over.set_result(None)

    def count_from_now(self) -> None:
        """The server is warm."""
        self.counting_from = time.perf_counter()

    def stop(self) -> None:
        """Time is up; what is under way is still waited for."""
        self.stopping = True


class Connection(asyncio.Protocol):
    """One kept connection: a request, its answer, the next request."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.received = b""
        self.sent_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: asyncio.Transport = transport  # type: ignore[assignment]  # TCP gives a Transport
        self.send()

    def send(self) -> None:
        request = self.run.next_request()
        if request is None:
            self.transport.close()
            return
        self.sent_at = time.perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        answer = self.received = self.received + data if self.received else data
        if not is_whole(answer):
            return
        self.received = b""
        self.run.answered(answer[9:12], answer, self.sent_at)
        self.send()

    def connection_lost(self, exc: Exception | None) -> None:
        if exc is not None or self.received:
            self.run.wrong[f"connection lost: {exc!r}"] += 1
        self.run.closed()


def is_whole(answer: bytes) -> bool:
    """Whether an answer has come to its end, by its length or, when in chunks, by the empty last one."""
    head_end = answer.find(b"\r\n\r\n")
    if head_end < 0:
        return False
    length = LENGTH.search(answer, 0, head_end)
    if length is None:
        return answer.endswith(b"\r\n0\r\n\r\n")
    return len(answer) >= head_end + 4 + int(length[1])


async def carry_out(plan: Plan) -> Measured:
    """Load the server as planned."""
    run, loop = Run(plan), asyncio.get_running_loop()
    for _ in range(plan.connections):
        await loop.create_connection(lambda: Connection(run), "127.0.0.1", plan.port)
    loop.call_later(plan.warm_s, run.count_from_now)
    loop.call_later(plan.warm_s + plan.seconds, run.stop)
    await run.over
    took = sorted(run.seconds) or [0.0]
    return Measured(
        answers=len(run.seconds),
        elapsed_s=max(run.last_answer - run.counting_from, 1e-9),
        used=run.used,
        p50_ms=took[len(took) // 2] * 1000,
        p99_ms=took[int(len(took) * 0.99)] * 1000,
        wrong=dict(run.wrong.most_common(5)),
    )


if __name__ == "__main__":
    measured = uvloop.run(carry_out(msgspec.json.decode(sys.argv[1], type=Plan)))
    sys.stdout.buffer.write(msgspec.json.encode(measured))
