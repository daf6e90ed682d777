"""A backtest from being asked for to its result: the same whatever store it reads and in however many parts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from statewright import consolidators
from statewright.backtests import Keeper, run
from statewright.backtests.sharing import OpenLog, shared
from statewright.catalog import Backtest, Catalog
from statewright.machine.decide import Event
from statewright.machine.record import Actor
from statewright.plugins import open_log
from statewright.settings import Settings
from statewright.stores.memory import MemoryStore
from statewright.stores.sqlite import SqliteStore
from statewright.stores.words import EventStore
from tests.backtests.recording import machine_of, record
from tests.postgresql import on_both

LOAN: dict[str, Any] = {
    "id": "loan",
    "keep": "*",
    "creation": "implicit",
    "initial": "asked",
    "states": {
        "asked": {"on": {"CHECK": "checked"}},
        "checked": {"on": {"GRANT": "granted", "CHECK": "checked"}},
        "granted": {"type": "final"},
    },
}
GUARDED = json.loads(json.dumps(LOAN))
GUARDED["states"]["checked"]["on"]["GRANT"] = {"target": "granted", "guard": {"@expr": "context.sum < 10"}}
OTHER = {"id": "other", "creation": "implicit", "initial": "a", "states": {"a": {"on": {"CHECK": "a"}}}}


async def fill(store: EventStore, lives: int = 60) -> None:
    """Loans with sums from 0 on, and entities of another type between them."""
    sent = [
        (f"loan-{number}", Event(name, {"sum": number}, Actor("ann")))
        for name in ("CHECK", "CHECK", "GRANT")
        for number in range(lives)
    ]
    await record(store, machine_of(LOAN), sent[: lives * 2])
    await record(store, machine_of(OTHER), [("x", Event("CHECK", {}))])
    await record(store, machine_of(LOAN), [])
    heads = [(f"late-{number}", Event(name, {"sum": number})) for number in range(20) for name in ("CHECK", "GRANT")]
    await record(store, machine_of(LOAN), heads)


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = SqliteStore.open(tmp_path / "log.sqlite")
    await fill(store)
    yield store
    await store.close()


@pytest.fixture
def catalog(tmp_path: Path) -> Any:
    catalog = Catalog.open(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    prepare(catalog)
    yield catalog
    catalog.close()


def reopening(log: SqliteStore) -> OpenLog:
    return partial(open_log, Settings(data=log.path.parent), read_only=True)


def prepare(catalog: Catalog) -> None:
    catalog.register(json.dumps(LOAN).encode(), activate=True)
    catalog.register(json.dumps(GUARDED).encode())


def ask(catalog: Catalog) -> int:
    return catalog.backtests.ask("loan", 2, "digest").id


def result(catalog: Catalog) -> Backtest:
    return catalog.backtests.of("loan", 2)[0]


async def test_a_result_says_how_many_histories_conform_and_what_would_have_been_refused(
    log: SqliteStore, catalog: Catalog
) -> None:
    await run(log, catalog, ask(catalog))

    found = result(catalog)
    assert (found.status, found.share) == ("done", 1.0)
    assert (found.tally.transitions, found.tally.accepted, found.tally.refused) == (160, 150, 10)
    assert (found.tally.histories, found.tally.conforming) == (80, 70)


async def test_a_store_without_a_quick_way_gives_the_same_result(log: SqliteStore, catalog: Catalog) -> None:
    store = MemoryStore()
    await fill(store)
    await run(log, catalog, ask(catalog))
    await run(store, catalog, ask(catalog))

    first, second = catalog.backtests.of("loan", 2)

    assert first.tally == second.tally


async def test_a_log_with_more_lives_than_memory_holds_is_read_in_parts_with_the_same_result(
    log: SqliteStore, catalog: Catalog
) -> None:
    await run(log, catalog, ask(catalog))
    await run(log, catalog, ask(catalog), held=3_000)

    in_parts, whole = (found.tally for found in catalog.backtests.of("loan", 2))

    assert in_parts.findings[0].count == whole.findings[0].count == 10
    assert (in_parts.conforming, in_parts.accepted, in_parts.transitions) == (70, 150, 160)


async def test_one_that_waits_is_not_asked_for_twice(catalog: Catalog) -> None:
    assert ask(catalog) == ask(catalog)


async def test_a_cancelled_one_is_not_run(log: SqliteStore, catalog: Catalog) -> None:
    id = ask(catalog)
    catalog.backtests.cancel("loan", 2, id)

    await run(log, catalog, id)

    assert (result(catalog).status, result(catalog).tally.transitions) == ("cancelled", 0)
    assert catalog.backtests.next() is None


async def test_one_that_is_cancelled_while_it_runs_leaves_no_result(
    log: SqliteStore, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("statewright.backtests.running.NOTE_S", 0.0)
    monkeypatch.setattr("statewright.backtests.running.BATCH", 10)
    id = ask(catalog)

    await run(log, catalog, id, lambda: bool(catalog.backtests.cancel("loan", 2, id)) and False)

    assert result(catalog).status == "cancelled"
    assert result(catalog).tally.transitions < 160


async def test_one_whose_process_ended_is_begun_again_and_given_up_after_three(
    log: SqliteStore, catalog: Catalog
) -> None:
    id = ask(catalog)
    await run(log, catalog, id, lambda: True)  # as if the process ended

    waiting = catalog.backtests.next()
    assert waiting is not None
    assert (waiting.id, waiting.status) == (id, "running")
    await run(log, catalog, id, lambda: True)
    await run(log, catalog, id, lambda: True)
    await run(log, catalog, id, lambda: True)

    assert result(catalog).status == "failed"
    assert "ended 3 times" in (result(catalog).error or "")


async def test_a_draft_with_errors_is_not_tried_and_says_why(log: SqliteStore, catalog: Catalog) -> None:
    faulty = json.loads(json.dumps(LOAN))
    faulty["states"]["asked"]["on"]["CHECK"] = "nowhere"
    catalog.register(json.dumps(faulty).encode())
    asked = catalog.backtests.ask("loan", 3, "digest")

    await run(log, catalog, asked.id)

    found = catalog.backtests.one("loan", 3, asked.id)
    assert found.status == "failed"
    assert "no machine can be made of it" in (found.error or "")


async def test_a_guard_that_reads_a_related_entity_sees_it_as_it_stood_then(tmp_path: Path, catalog: Catalog) -> None:
    catalog.register(json.dumps(OTHER).encode(), activate=True)
    reading = json.loads(json.dumps(GUARDED))
    reading["relations"] = {"of": {"entity": "other", "key": "other_id"}}
    reading["states"]["checked"]["on"]["GRANT"] = {
        "target": "granted",
        "guard": {"@expr": "has(related.of) && in_state('a', related.of)"},
    }
    catalog.register(json.dumps(reading).encode())
    store = MemoryStore()
    await record(store, machine_of(LOAN), [("early", Event(each, {"other_id": "x"})) for each in ("CHECK", "GRANT")])
    await record(store, machine_of(OTHER), [("x", Event("CHECK", {}))])
    await record(store, machine_of(LOAN), [("late", Event(each, {"other_id": "x"})) for each in ("CHECK", "GRANT")])
    asked = catalog.backtests.ask("loan", 3, "digest")

    await run(store, catalog, asked.id)

    found = catalog.backtests.one("loan", 3, asked.id)
    assert (found.status, found.tally.refused) == ("done", 1), found.error
    assert found.tally.findings[0].examples[0].entity == "early"


@pytest.mark.parametrize("beside", [True, False], ids=["in a process of its own", "in a thread"])
async def test_what_waits_is_run_beside_the_server_and_what_comes_later_too(
    log: SqliteStore, catalog: Catalog, tmp_path: Path, beside: bool
) -> None:
    ask(catalog)
    keeper = Keeper(catalog, reopening(log), f"sqlite:///{tmp_path / 'catalog.sqlite'}", beside=beside)
    running = asyncio.create_task(keeper.run())

    await _ended(catalog)
    assert result(catalog).tally.refused == 10
    second = ask(catalog)
    keeper.wake()
    await _ended(catalog)

    assert (result(catalog).id, result(catalog).status) == (second, "done")
    keeper.stop()
    await running


@on_both
async def test_of_two_servers_with_one_catalogue_one_runs_a_backtest_and_the_other_goes_on_when_it_is_gone(
    log: SqliteStore, database: str
) -> None:
    catalog, engine = Catalog.open(database), consolidators.opened(database)
    prepare(catalog)
    first, second = (Keeper(catalog, reopening(log), database, beside=False) for _ in range(2))
    for keeper in (first, second):
        keeper.take_turns(consolidators.Turn(engine, "backtests", sole=False))
    running = [asyncio.create_task(first.run())]
    await asyncio.sleep(0)
    running.append(asyncio.create_task(second.run()))
    for keeper, other in ((first, second), (second, first)):
        ask(catalog)
        keeper.wake()
        other.wake()
        await _ended(catalog)
        assert (result(catalog).status, result(catalog).tally.refused) == ("done", 10)
        keeper.stop()
    await asyncio.gather(*running)

    with engine.connect() as connection:
        assert set(connection.exec_driver_sql("select attempts from backtest").scalars()) == {1}
    catalog.close()
    engine.dispose()


async def test_a_log_shared_by_processes_gives_the_same_result(
    log: SqliteStore, catalog: Catalog, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'catalog.sqlite'}"
    await run(log, catalog, ask(catalog))
    await run(log, catalog, ask(catalog), whole=shared(reopening(log), url, lambda: False))

    together, alone = (found.tally for found in catalog.backtests.of("loan", 2))

    assert [found.count for found in together.findings] == [found.count for found in alone.findings]
    assert replace(together, findings=[]) == replace(alone, findings=[])


async def test_a_server_that_stops_leaves_a_backtest_for_its_next_start(
    log: SqliteStore, catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("statewright.backtests.running.BATCH", 1)
    ask(catalog)
    keeper = Keeper(catalog, reopening(log), f"sqlite:///{tmp_path / 'catalog.sqlite'}", beside=False)
    running = asyncio.create_task(keeper.run())
    async with asyncio.timeout(30):
        while result(catalog).status != "running":  # noqa: ASYNC110  # a row rings no bell
            await asyncio.sleep(0.005)

    keeper.stop()
    await running

    waiting = catalog.backtests.next()
    assert waiting is not None
    assert waiting.status == "waiting"
    await run(log, catalog, waiting.id)
    assert result(catalog).tally.refused == 10


async def _ended(catalog: Catalog) -> None:
    async with asyncio.timeout(60):
        while result(catalog).open:  # noqa: ASYNC110  # a row rings no bell
            await asyncio.sleep(0.05)
