"""What callers and operators can count on from a real `statewright serve`."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.acceptance.adding_up import counts_of, whole_log
from tests.acceptance.serving import Asked, Ledger, Serving, callers_of, get, send, send_many


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """One server for all tests that leave it running; each uses lamps of its own."""
    with Serving(tmp_path_factory.mktemp("serving") / "data") as serving:
        yield serving


@pytest.fixture
async def session(serving: Serving) -> AsyncIterator[aiohttp.ClientSession]:
    async with callers_of(serving) as session:
        yield session


# --- races and repeats


@pytest.mark.parametrize("version", [0, 1])
async def test_of_fifty_racing_on_one_version_one_wins_and_all_others_are_told_where_it_stands(
    session: aiohttp.ClientSession, version: int
):
    for race in range(4):
        lamp = f"race-{version}-{race}"
        for number in range(version):
            await send(session, lamp, "SWITCH", f"before-{number}")
        racers = (send(session, lamp, "SWITCH", f"racer-{n}", expected_version=version) for n in range(50))
        answers = await asyncio.gather(*racers)

        assert Counter(status for status, _, _ in answers) == {201: 1, 412: 49}
        assert {document["version"] for _, document, _ in answers} == {version + 1}
        history = await get(session, f"/api/v1/entities/lamp/{lamp}/transitions")
        assert [line["version"] for line in history["items"]] == list(range(1, version + 2))


async def test_the_same_command_at_the_same_time_is_one_transition_with_one_answer(session: aiohttp.ClientSession):
    answers = await asyncio.gather(*(send(session, "echo", "SWITCH", "again") for _ in range(50)))

    assert Counter(status for status, _, _ in answers) == {201: 1, 200: 49}
    assert all(document == answers[0][1] for _, document, _ in answers)
    replayed = [headers.get("idempotent-replay") for status, _, headers in answers if status == 200]
    assert replayed == ["true"] * 49
    assert len((await get(session, "/api/v1/entities/lamp/echo/transitions"))["items"]) == 1


async def test_the_same_command_with_another_body_is_refused(session: aiohttp.ClientSession):
    await send(session, "reuse", "SWITCH", "mine")
    status, document, _ = await send(session, "reuse", "SWITCH", "mine", data={"by": "somebody else"})

    assert (status, document["type"]) == (422, "/problems/id_reused")
    assert len((await get(session, "/api/v1/entities/lamp/reuse/transitions"))["items"]) == 1


@pytest.mark.parametrize("how", ["stopped", "killed"])
async def test_the_same_command_after_a_restart_gets_the_same_answer(tmp_path: Path, how: str):
    data = tmp_path / "data"
    commands = [f"c-{number}" for number in range(70)]  # beyond those that an entity's head remembers
    with Serving(data) as serving:
        async with callers_of(serving) as session:
            first = [await send(session, "hall", "SWITCH", command) for command in commands]
        serving.stop() if how == "stopped" else serving.kill()
    with Serving(data) as serving:
        async with callers_of(serving) as session:
            again = [await send(session, "hall", "SWITCH", command) for command in commands]
            history = await get(session, "/api/v1/entities/lamp/hall/transitions")

    assert [status for status, _, _ in first] == [201] * 70
    assert [status for status, _, _ in again] == [200] * 70
    assert [document for _, document, _ in again] == [document for _, document, _ in first]
    assert [line["version"] for line in history["items"]] == list(range(1, 71))


# --- starting and stopping


async def test_sigterm_finishes_what_was_accepted(tmp_path: Path):
    data, ledger = tmp_path / "data", Ledger(20)
    with Serving(data) as serving:
        async with callers_of(serving) as session:
            load = asyncio.gather(*(ledger.keep_switching(session, f"caller-{n}") for n in range(32)))
            await asyncio.sleep(0.4)
            serving.ask_to_stop()
            await load
        assert serving.process.wait(20) == 0

    recorded = [record.command for record in await whole_log(data)]
    assert sorted(recorded) == sorted(ledger.told), "each that was recorded was answered, and the other way round"
    assert len(recorded) > 100
    assert set(ledger.turned_away.values()) <= {503}


async def test_a_second_server_on_the_same_folder_is_told_who_holds_it(serving: Serving):
    second = await asyncio.to_thread(_try_to_serve, serving.data)

    assert second.returncode != 0
    assert f"in use by statewright serve (process {serving.process.pid})" in second.stderr
    assert "Traceback" not in second.stderr


async def test_a_folder_is_free_again_once_its_owner_was_killed(tmp_path: Path):
    with Serving(tmp_path / "data") as first:
        first.kill(all_of_it=False)
    with Serving(tmp_path / "data") as second:
        assert second.stop() == 0


def _try_to_serve(data: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "statewright", "serve", "--data", str(data), "--port", "0"]
    return subprocess.run(command, capture_output=True, text=True, timeout=30)


async def test_views_go_on_when_their_process_is_killed(serving: Serving, session: aiohttp.ClientSession):
    _, before, _ = await send(session, "views", "SWITCH")
    await counts_at(session, before["position"])
    for child in _children_of(serving.process.pid):
        os.kill(child, signal.SIGKILL)
    _, after, _ = await send(session, "views-2", "SWITCH")
    counts = await counts_at(session, after["position"])

    assert counts["states"] == counts_of(await whole_log(serving.data))


async def counts_at(session: aiohttp.ClientSession, place: int) -> dict[str, Any]:
    """The counts once the view has come so far; a lease must lapse first where its holder was killed."""
    path = f"/api/v1/views/counts?type=lamp&min_place={place}&wait=30"
    for _ in range(3):
        async with session.get(path) as answer:
            if answer.status == 200:
                break
    return await get(session, path)


def _children_of(pid: int) -> list[int]:
    """The consolidators' process, and what Python keeps beside it."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


# --- when there is too much to do


async def test_a_full_queue_answers_503_with_retry_after_and_goes_on(tmp_path: Path):
    with Serving(tmp_path / "data", "--queue-limit", "4") as serving:
        async with callers_of(serving, connections=100) as session:
            answers = await asyncio.gather(*(send(session, f"lamp-{n}", "SWITCH", f"c-{n}") for n in range(400)))
            turned_away = [(document, headers) for status, document, headers in answers if status == 503]
            recorded = {document["command"] for status, document, _ in answers if status == 201}
            calm, _, _ = await send(session, "calm", "SWITCH")

        assert {status for status, _, _ in answers} == {201, 503}
        for document, headers in turned_away:
            assert document["type"] == "/problems/overloaded"
            assert int(headers["Retry-After"]) >= 1
        assert calm == 201
        assert {record.command for record in await whole_log(serving.data)} >= recorded
        assert len(await whole_log(serving.data)) == len(recorded) + 1


async def test_many_commands_wait_for_room_where_one_would_be_turned_away(tmp_path: Path):
    with Serving(tmp_path / "data", "--queue-limit", "4") as serving:
        async with callers_of(serving) as session:
            async with asyncio.timeout(60):
                asked = {f"c-{n}": Asked(f"lamp-{n % 7}", "SWITCH", {}) for n in range(100)}
                answers = [document async for _, document in send_many(session, asked)]

    assert [document["status"] for document in answers] == [201] * 100
