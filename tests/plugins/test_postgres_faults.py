"""The log in PostgreSQL when the wire is cut, the server goes away, or is not to be trusted: no false word, no loss."""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from statewright.catalog import Catalog
from statewright.commands import Committer
from statewright.machine.record import Record
from statewright.stores.words import (
    LogDamaged,
    StoreRefused,
    StoreUnavailable,
    StoreUncertain,
)
from statewright.testkit.store.writing import CART, NOON, ORDER, PARCEL, command, head_of, move, record, turn, whole_log
from statewright_postgres import PostgresStore, open_store
from statewright_postgres import store as module
from tests.acceptance.lamp import LAMP
from tests.plugins.callers import Caller, require_acknowledged, require_one_history, switch, until_known
from tests.plugins.cutting import wire_to
from tests.postgresql import Server

PATIENCE_S = 60.0
KILLS = int(os.environ.get("STATEWRIGHT_KILLS", "2"))
"""How often a server is killed; more is for a night."""


async def sql(url: str, *statements: str) -> Any:
    """Run statements as the superuser, each by itself; the value of the last."""
    from statewright_postgres.address import Address

    address = Address.of(url)
    connection = await asyncpg.connect(address.url, server_settings={"search_path": address.schema})
    try:
        for statement in statements[:-1]:
            await connection.execute(statement)
        return await connection.fetchval(statements[-1])
    finally:
        await connection.close()


async def opened(url: str, **options: Any) -> PostgresStore:
    return await open_store(url, data=Path(), **options)


@pytest.fixture
async def url(new_log: Callable[[], str]) -> str:
    return new_log()


@pytest.fixture
def catalog(tmp_path: Path) -> Any:
    made = Catalog.open(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    made.register(LAMP, activate=True)
    yield made
    made.close()


# --- a wire that is cut


async def test_an_answer_that_was_lost_is_found_in_the_log(url: str) -> None:
    with wire_to(url) as (wire, through):
        store = await opened(through)
        await turn(store, ORDER, 1)
        await asyncio.sleep(0.1)  # the notice of it is out
        head = await head_of(store, ORDER)
        wire.cut_after_request()
        with pytest.raises(StoreUncertain):
            await store.append([command("c-2", move(ORDER, head))])

        assert [line.version for line in await store.find_command(ORDER, "c-2")] == [2]
        assert [line.command for line in await whole_log(store)] == ["turn-1", "c-2"]
        await store.close()


async def test_a_statement_still_on_its_way_does_not_arrive_once_it_was_said_to_be_nowhere(url: str) -> None:
    with wire_to(url) as (wire, through):
        store = await opened(through)
        await turn(store, ORDER, 1)
        await asyncio.sleep(0.1)
        head = await head_of(store, ORDER)
        wire.hold_request()
        with pytest.raises(StoreUncertain):
            await store.append([command("c-2", move(ORDER, head))])

        assert list(await store.find_command(ORDER, "c-2")) == []
        wire.deliver()
        assert [line.command for line in await whole_log(store)] == ["turn-1"]
        await record(store, command("c-2", move(ORDER, head)))
        assert [line.command for line in await whole_log(store)] == ["turn-1", "c-2"]
        await store.close()


async def test_a_server_that_does_not_answer_in_time_leaves_the_outcome_open(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await opened(url)
    head = await turn(store, ORDER, 1)
    monkeypatch.setattr(module, "APPEND_S", 0.3)
    locker = await asyncpg.connect(url.split("?")[0])
    async with locker.transaction():
        await locker.execute(f"lock table {store.address.schema}.transition in exclusive mode")
        with pytest.raises(StoreUncertain):
            await store.append([command("c-2", move(ORDER, head))])
    await locker.close()

    assert list(await store.find_command(ORDER, "c-2")) == []  # its session was ended before this was answered
    await record(store, command("c-2", move(ORDER, head)))
    await store.close()


async def test_every_event_is_answered_once_and_recorded_once_while_the_wire_is_cut_again_and_again(
    url: str, catalog: Catalog
) -> None:
    chance = random.Random(5)
    with wire_to(url) as (wire, through):
        store = await opened(through)
        committer = Committer(store, catalog)

        async def caller(name: int) -> list[Any]:
            answers: list[Any] = []
            while len(answers) < 25 or (wire.cuts <= 3 and len(answers) < 5_000):
                send = switch(f"lamp-{name % 5}", f"{name}-{len(answers)}")
                answers.append(await until_known(committer, send))
            return answers

        async def cutter() -> None:
            while True:
                await asyncio.sleep(chance.uniform(0.02, 0.12))
                chance.choice([wire.cut_after_request, wire.hold_request, wire.cut_all])()

        cutting = asyncio.create_task(cutter())
        answers = await asyncio.gather(*(caller(name) for name in range(8)))
        cutting.cancel()
        wire.deliver()
        log = await whole_log(store)
        await committer.close()
        await store.close()

    require_one_history(log)
    told = {(done.record.command, done.record.version) for each in answers for done in each}
    assert told == {(line.command, line.version) for line in log}


# --- a server that goes away


async def test_a_server_that_starts_again_is_gone_on_with(url: str, postgresql: Server) -> None:
    store = await opened(url)
    await turn(store, ORDER, 3)
    postgresql.stop()
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        await store.heads([ORDER])
    with pytest.raises((StoreUnavailable, StoreUncertain)):
        await store.append([command("c-1", move(PARCEL, None))])
    postgresql.start()

    assert [line.version for line in await store.read_entity(ORDER)] == [1, 2, 3]
    await turn(store, ORDER, 1)
    assert await store.wait("3", 0) is True
    await store.close()


async def test_what_was_acknowledged_survives_kill_9_of_the_server(
    url: str, catalog: Catalog, postgresql: Server
) -> None:
    store = await opened(url)
    committer = Committer(store, catalog)
    callers = [Caller(committer, name) for name in range(12)]
    for _ in range(KILLS):
        await asyncio.sleep(0.5)
        postgresql.kill()
        await asyncio.sleep(0.1)
        postgresql.start()  # our callers have to wait, too
    await asyncio.sleep(0.5)
    for caller in callers:
        await caller.stop()
    log = await whole_log(store)
    await committer.close()
    await store.close()

    require_one_history(log)
    assert require_acknowledged(callers, log) > 20 * KILLS, "there was too little load for this to mean anything"


async def test_a_log_that_lost_its_end_is_not_built_upon(url: str) -> None:
    store = await opened(url)
    await turn(store, ORDER, 3)
    stale = await head_of(store, ORDER)
    await sql(
        url,
        "delete from transition where position = 3",
        "update log_head set position = 2",
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where application_name = 'statewright' and pid <> pg_backend_pid()",
    )
    async with asyncio.timeout(PATIENCE_S):
        while not store._sessions._writer.is_closed():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    with pytest.raises(StoreUnavailable, match="no longer holds what was recorded at position 3"):
        await store.append([command("c-4", move(ORDER, stale))])

    assert [line.version for line in await whole_log(store)] == [1, 2]
    await turn(store, ORDER, 1, "again")
    assert [line.version for line in await whole_log(store)] == [1, 2, 3]
    await store.close()


async def test_a_damaged_record_is_named_by_its_position(url: str) -> None:
    store = await opened(url)
    await turn(store, ORDER, 5)
    await sql(url, "update transition set record = substr(record, 5) where position = 4", "select 1")

    for reading in (store.read("0", 10), store.read_entity(ORDER), store.find_command(ORDER, "turn-2")):
        with pytest.raises(LogDamaged, match="position 4"):
            await reading
    assert [line.version for line in (await store.read("0", 3)).records] == [1, 2, 3]
    await store.close()


# --- servers that will not do


@pytest.mark.parametrize("setting", ["fsync", "full_page_writes", "synchronous_commit"])
async def test_a_server_that_would_forget_what_it_acknowledged_is_refused(
    url: str, postgresql: Server, setting: str
) -> None:
    await _set(postgresql, setting, "off")
    try:
        with pytest.raises(StoreRefused, match=f"{setting} = off, so .*; set {setting} = on"):
            await opened(url)
    finally:
        await _set(postgresql, setting, "on")
    await (await opened(url)).close()


async def _set(server: Server, setting: str, value: str) -> None:
    server.set(f"{setting} = {value}")
    async with asyncio.timeout(PATIENCE_S):
        while await sql(server.url(), f"show {setting}") != value:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


async def test_commits_stay_durable_whatever_the_server_is_told_later(url: str, postgresql: Server) -> None:
    store = await opened(url)
    await _set(postgresql, "synchronous_commit", "off")
    try:
        connection = await store._sessions.writer()
        assert await connection.fetchval("show synchronous_commit") == "on"
    finally:
        await _set(postgresql, "synchronous_commit", "on")
    await store.close()


@pytest.mark.parametrize(
    ("mended", "said"),
    [
        (lambda url: url.replace("/postgres?", "/nowhere?"), "no such database"),
        (lambda url: url.replace("statewright@", "nobody@"), "lets nobody in with these credentials"),
        (lambda url: url + "&sslmode=of", "mend the URL"),
        (lambda url: url.replace("schema=log", "schema=Log"), "is no schema of a log"),
        (lambda url: url.replace("127.0.0.1:", "127.0.0.1:port"), "is no URL of a database"),
    ],
)
async def test_a_url_that_leads_nowhere_is_answered_with_what_to_do(
    url: str, mended: Callable[[str], str], said: str
) -> None:
    with pytest.raises(StoreRefused, match=said):
        await opened(mended(url))


async def test_a_server_that_is_not_there_is_unavailable(url: str) -> None:
    with pytest.raises(StoreUnavailable, match="cannot be reached"):
        await opened("postgresql://statewright@127.0.0.1:1/postgres")


async def test_a_role_that_may_make_nothing_is_told_what_it_needs(url: str) -> None:
    await sql(url, "drop role if exists guest", "create role guest login", "select 1")
    with pytest.raises(StoreRefused, match="grant the role CREATE on the database"):
        await opened(url.replace("statewright@", "guest@"))


async def test_a_database_of_another_encoding_is_refused(url: str) -> None:
    await sql(url, "create database latin encoding 'LATIN1' locale 'C' template template0", "select 1")
    with pytest.raises(StoreRefused, match="encoded in LATIN1; make it with ENCODING 'UTF8'"):
        await opened(url.replace("/postgres?", "/latin?"))
    await sql(url, "drop database latin", "select 1")


async def test_a_log_of_a_newer_plugin_is_refused_to_writers_and_readers(url: str) -> None:
    await (await opened(url)).close()
    await sql(url, "update log set schema = 1000", "select 1")
    for read_only in (False, True):
        with pytest.raises(StoreRefused, match="install a newer statewright-postgres"):
            await opened(url, read_only=read_only)


async def test_many_who_open_a_new_log_at_once_make_one(url: str) -> None:
    stores = await asyncio.gather(*(opened(url) for _ in range(8)))

    assert len({store.log_id for store in stores}) == 1
    for store in stores:
        await store.close()


async def test_a_reader_makes_no_log_and_appends_nothing(url: str) -> None:
    with pytest.raises(StoreUnavailable, match="no log yet"):
        await opened(url, read_only=True)
    store = await opened(url)
    reader = await opened(url, read_only=True)
    await turn(store, ORDER, 1)

    assert [line.version for line in await whole_log(reader)] == [1]
    with pytest.raises(StoreUnavailable, match="to be read alone"):
        await reader.append([command("c-1", move(PARCEL, None))])
    await reader.close()
    await store.close()


# --- news, and snapshots


async def test_a_notice_wakes_who_waits_in_another_process(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_S", 600.0)
    store, other = await opened(url), await opened(url, read_only=True)
    waiting = asyncio.create_task(other.wait("0", 600))
    await _until_listening(url)
    await turn(store, ORDER, 1)

    assert await asyncio.wait_for(waiting, PATIENCE_S) is True
    await other.close()
    await store.close()


async def _until_listening(url: str) -> None:
    asked = "select count(*) from pg_stat_activity where query ilike 'listen%' and application_name = 'statewright'"
    async with asyncio.timeout(PATIENCE_S):
        while not await sql(url, asked):  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_who_hears_no_notice_looks_for_himself(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "POLL_S", 0.05)
    store, other = await opened(url), await opened(url, read_only=True)
    await store._bell.close()
    monkeypatch.setattr(store._bell, "ring", lambda _: None)
    waiting = asyncio.create_task(other.wait("0", 600))
    await asyncio.sleep(0.1)
    await turn(store, ORDER, 1)

    assert await asyncio.wait_for(waiting, PATIENCE_S) is True
    await other.close()
    await store.close()


async def test_a_page_that_is_read_twice_holds_no_more_the_second_time(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, other = await opened(url), await opened(url)
    await record(store, command("c-1", move(ORDER, None), now=NOON + 5))
    await record(store, command("c-2", move(PARCEL, None), now=NOON))  # which keeps its clock
    again = store._again

    async def overtaken(page: Any) -> list[Record]:
        await turn(other, CART, 1)
        return await again(page)

    monkeypatch.setattr(store, "_again", overtaken)
    batch = await store.read("0", 100)

    assert [line.position for line in batch.records] == [1, 2]
    assert batch.place == "2"
    await other.close()
    await store.close()


async def test_a_head_of_a_long_life_is_a_snapshot_and_a_few_transitions(url: str) -> None:
    store = await opened(url)
    head = await turn(store, ORDER, 40)
    kept = await sql(url, "select version from head")
    await store.close()
    again = await opened(url)

    assert kept == 32
    assert await head_of(again, ORDER) == head
    await again.close()
