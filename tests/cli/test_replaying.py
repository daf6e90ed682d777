"""What a replay promises when connections break, lines are malformed and logs break off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager

import msgspec
import pytest

from statewright.cli import replaying
from statewright.cli.replaying import Rejected, Replay, Unreadable, Verdict, numbered, register
from statewright.cli.servers import Answer, Body, ConnectionBroken, once


class Scripted:
    """A server that accepts every event but `BAD`, remembers commands, and breaks as it is told.

    `breaks` holds, for each connection, after how many answers it ends without a word.
    """

    def __init__(self, breaks: list[int | None] | None = None, status: int = 200, text: bytes = b"") -> None:
        self.breaks = breaks or []
        self.status = status
        self.text = text
        self.calls = 0
        self.known: set[str] = set()

    @asynccontextmanager
    async def post(self, path: str, content_type: str, body: Body) -> AsyncGenerator[Answer, None]:
        self.calls += 1
        limit = self.breaks.pop(0) if self.breaks else None
        if limit == 0:
            raise ConnectionBroken("refused")
        yield Answer(self.status, self.answers(body, limit) if self.status == 200 else once(self.text))

    @asynccontextmanager
    async def get(self, path: str) -> AsyncGenerator[Answer, None]:
        yield Answer(404, once(b""))

    async def answers(self, body: Body, limit: int | None) -> AsyncGenerator[bytes, None]:
        answered = 0
        async for chunk in body:
            for line in chunk.splitlines():
                if answered == limit:
                    raise ConnectionBroken("reset by peer")
                answered += 1
                yield self.answer(msgspec.json.decode(line)) + b"\n"

    def answer(self, command: dict[str, str]) -> bytes:
        if command["event"] == "BAD":
            return b'{"type":"/problems/guard_refused","status":409,"detail":"no"}'
        status = 200 if command["id"] in self.known else 201
        self.known.add(command["id"])
        return msgspec.json.encode({"status": status, "version": 1, "position": 1})


def line(event: str) -> bytes:
    return msgspec.json.encode({"entity_type": "o", "entity_id": "1", "event": event}) + b"\n"


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch):
    async def at_once(_: float) -> None:
        return None

    monkeypatch.setattr(replaying.asyncio, "sleep", at_once)


def replay(server: Scripted, lines: list[bytes] | Iterator[bytes]) -> list[Verdict]:
    verdicts: list[Verdict] = []
    asyncio.run(Replay(server, numbered(lines), "log", verdicts.append).run(lambda why: None))
    return verdicts


def letters(verdicts: list[Verdict]) -> str:
    return "".join("A" if verdict.accepted else "R" for verdict in verdicts)


def test_every_line_gets_its_verdict_in_order():
    verdicts = replay(Scripted(), [line("GO"), line("BAD"), b"\n", line("GO"), b"nonsense\n", line("GO")])

    assert letters(verdicts) == "ARARA"
    assert [verdict.number for verdict in verdicts] == [1, 2, 4, 5, 6]
    assert [verdict.code for verdict in verdicts if not verdict.accepted] == ["guard_refused", "malformed"]


def test_a_broken_connection_goes_on_from_the_first_line_without_an_answer():
    server = Scripted(breaks=[0, 3, 2])
    verdicts = replay(server, [line("GO" if number % 3 else "BAD") for number in range(10)])

    assert letters(verdicts) == "RAARAARAAR"
    assert server.calls == 4
    assert [verdict.number for verdict in verdicts] == list(range(1, 11))


def test_what_was_recorded_before_the_connection_broke_is_accepted_all_the_same():
    server = Scripted()
    server.known.add("log:1")

    verdicts = replay(server, [line("GO"), line("GO")])

    assert [(verdict.accepted, verdict.repeated) for verdict in verdicts] == [(True, True), (True, False)]


def test_a_line_that_was_not_decided_is_sent_again():
    class Busy(Scripted):
        busy = 1

        def answer(self, command: dict[str, str]) -> bytes:
            if command["id"] == "log:2" and self.busy:
                self.busy -= 1
                return b'{"type":"/problems/store_unavailable","status":503,"detail":"in a moment"}'
            return super().answer(command)

    verdicts = replay(Busy(), [line("GO"), line("GO"), line("GO")])

    assert letters(verdicts) == "AAA"


def test_a_server_that_stays_away_is_given_up():
    with pytest.raises(ConnectionBroken):
        replay(Scripted(breaks=[0] * 50), [line("GO")])


def test_a_call_that_is_refused_as_a_whole_ends_the_replay():
    problem = b'{"type":"/problems/unauthenticated","status":401,"detail":"no key"}'

    with pytest.raises(Rejected, match="no key"):
        replay(Scripted(status=401, text=problem), [line("GO")])


def test_a_log_of_malformed_lines_alone_comes_to_an_end(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(replaying, "AHEAD", 4)

    assert (
        letters(replay(Scripted(), [b"nonsense\n"] * 20 + [line("GO")] + [b"nonsense\n"] * 20))
        == "R" * 20 + "A" + "R" * 20
    )


def test_a_proxy_that_holds_lines_back_until_it_has_all_of_them_is_given_them_in_parts(monkeypatch: pytest.MonkeyPatch):
    class Hoarding(Scripted):
        async def answers(self, body: Body, limit: int | None) -> AsyncGenerator[bytes, None]:
            whole = [chunk async for chunk in body]
            async for answer in super().answers(once(b"".join(whole)), limit):
                yield answer

    monkeypatch.setattr(replaying, "AHEAD", 10)
    monkeypatch.setattr(replaying, "PATIENT_S", 0.05)
    server = Hoarding()

    verdicts = replay(server, [line("GO")] * 25)

    assert letters(verdicts) == "A" * 25
    assert server.calls == 3


def test_a_log_that_breaks_off_is_sent_as_far_as_it_goes():
    def torn() -> Iterator[bytes]:
        yield line("GO")
        raise EOFError("Compressed file ended before the end-of-stream marker was reached")

    verdicts: list[Verdict] = []
    with pytest.raises(Unreadable, match="end-of-stream"):
        asyncio.run(Replay(Scripted(), numbered(torn()), "log", verdicts.append).run(lambda why: None))
    assert letters(verdicts) == "A"


def test_a_definition_with_errors_is_rejected_with_all_of_them():
    problems = [{"code": "unknown_target", "severity": "error", "pointer": "/states/a", "sentence": "no"}]
    text = msgspec.json.encode(
        {"type": "/problems/invalid_definition", "status": 422, "detail": "x", "problems": problems}
    )

    with pytest.raises(Rejected) as caught:
        asyncio.run(register(Scripted(status=422, text=text), b"{}", "door.json"))
    assert [problem.code for problem in caught.value.problems] == ["unknown_target"]
