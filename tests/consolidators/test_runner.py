"""The runner: nothing is counted twice or skipped, a fault holds up nobody else, a view of another log is rebuilt."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, inspect

from statewright.consolidators import (
    BUILT_IN,
    Entities,
    Flow,
    Stays,
    UnknownConsolidator,
    ask_for_rebuild,
    ask_for_retry,
    bookkeeping,
    opened,
)
from statewright.stores.memory import MemoryStore
from statewright.stores.words import Batch, Ref, StoreUnavailable
from statewright.views import NotBuiltYet, Standing, Views, with_lag
from tests.consolidators.histories import VIEWS, Chronicle, running
from tests.consolidators.peculiar import Clumsy, Later, Tally
from tests.postgresql import on_both

A, B, C, D = (Ref("order", id) for id in "abcd")


@pytest.fixture
def engine(database: str) -> Iterator[Engine]:
    engine = opened(database)
    yield engine
    engine.dispose()


@pytest.fixture
async def views(engine: Engine) -> AsyncIterator[Views]:
    views = Views(engine)
    yield views
    views.close()


@pytest.fixture
def poison() -> Iterator[set[str]]:
    yield Tally.poison
    Tally.poison.clear()
    Tally.broken = False


async def chronicle_of(*events: tuple[Ref, str]) -> Chronicle:
    chronicle = Chronicle(MemoryStore())
    for ref, event in events:
        chronicle.add(ref, ("open",), event)
    await chronicle.write()
    return chronicle


def standing_of(views: Views, name: str) -> Standing:
    return next(each for each in views.standing() if each.name == name)


async def until(views: Views, condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await views.changed("", 0.01)
            await asyncio.sleep(0.01)


def tallied(engine: Engine, views: Views, name: str = "tally") -> dict[str, int]:
    generation = standing_of(views, name).generation
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(f"select entity, transitions from tally_{generation}").fetchall()
    return dict(rows)


@on_both
async def test_an_entity_that_cannot_be_handled_is_parked_and_the_others_go_on(engine, views, poison):
    poison.add("BAD")
    chronicle = await chronicle_of((A, "GO"), (B, "GO"), (A, "BAD"), (A, "GO"), (B, "GO"))

    async with running(chronicle.store, engine, Tally):
        assert await views.wait_for("tally", "5", 60)

    assert tallied(engine, views) == {"a": 1, "b": 2}
    (parked,) = standing_of(views, "tally").parked
    assert (parked.entity, parked.version, parked.position, parked.held) == ("a", 2, 3, 2)
    assert parked.reason == "BAD is poison"
    assert standing_of(views, "tally").error is None


async def test_a_fault_that_names_no_transition_is_traced_to_its_entity(engine, views, poison):
    poison.add("BAD")
    chronicle = await chronicle_of((A, "GO"), (B, "GO"), (A, "BAD"), (C, "GO"), (A, "GO"), (D, "GO"), (B, "GO"))

    async with running(chronicle.store, engine, Clumsy):
        assert await views.wait_for("clumsy", "7", 60)

    assert tallied(engine, views, "clumsy") == {"a": 1, "b": 2, "c": 1, "d": 1}
    (parked,) = standing_of(views, "clumsy").parked
    assert (parked.entity, parked.held, parked.reason) == ("a", 2, "KeyError: 'BAD'")


async def test_what_a_parked_entity_sends_later_is_held_too_also_after_a_restart(engine, views, poison):
    poison.add("BAD")
    chronicle = await chronicle_of((A, "BAD"), (B, "GO"))
    async with running(chronicle.store, engine, Tally):
        assert await views.wait_for("tally", "2", 60)
    chronicle.add(A, ("open",), "GO")
    await chronicle.write()

    async with running(chronicle.store, engine, Tally):
        assert await views.wait_for("tally", "3", 60)

    assert tallied(engine, views) == {"b": 1}
    assert [each.held for each in standing_of(views, "tally").parked] == [2]


@on_both
async def test_a_parked_entity_can_be_tried_again(engine, views, poison):
    poison.add("BAD")
    chronicle = await chronicle_of((A, "GO"), (A, "BAD"), (A, "GO"), (B, "GO"))
    async with running(chronicle.store, engine, Tally) as runner:
        assert await views.wait_for("tally", "4", 60)
        ask_for_retry(engine, "tally", "order", "a", 0)
        runner.waker.ring()
        await until(views, lambda: no_requests(engine))
        assert [each.held for each in standing_of(views, "tally").parked] == [2]

        poison.clear()
        ask_for_retry(engine, "tally", "order", "a", 0)
        runner.waker.ring()
        await until(views, lambda: not standing_of(views, "tally").parked)

    assert tallied(engine, views) == {"a": 3, "b": 1}


def no_requests(engine: Engine) -> bool:
    with engine.connect() as connection:
        return connection.exec_driver_sql("select count(*) from request").scalar() == 0


@on_both
async def test_a_rebuild_parks_too_and_unparks_what_can_be_handled_now(engine, views, poison):
    poison.add("BAD")
    chronicle = await chronicle_of((A, "BAD"), (A, "GO"), (B, "WORSE"), (B, "GO"), (C, "GO"))
    async with running(chronicle.store, engine, Tally) as runner:
        assert await views.wait_for("tally", "5", 60)
        poison.clear()
        poison.add("WORSE")
        ask_for_rebuild(engine, "tally", 0)
        runner.waker.ring()
        await until(views, lambda: standing_of(views, "tally").generation == 2)

    assert tallied(engine, views) == {"a": 2, "c": 1}
    assert [(each.entity, each.held) for each in standing_of(views, "tally").parked] == [("b", 2)]


async def test_the_built_in_consolidators_park_an_entity_whose_beginning_they_do_not_know(engine, views):
    chronicle = await chronicle_of((A, "GO"), (B, "GO"))
    async with running(chronicle.store, engine):
        assert await views.wait_for("entities", "2", 60)
    with engine.begin() as connection:
        connection.exec_driver_sql("delete from entities_1 where entity = 'a'")
    chronicle.add(A, ("closed",))
    chronicle.add(B, ("closed",))
    await chronicle.write()

    async with running(chronicle.store, engine):
        for name in VIEWS:
            assert await views.wait_for(name, "4", 60)

    assert [each.entity for each in standing_of(views, "entities").parked] == ["a"]
    assert [(row.entity, row.state) for row in views.entities().items] == [("b", "closed")]
    assert standing_of(views, "stays").parked == []


@on_both
async def test_a_consolidator_that_fails_altogether_says_why_and_holds_up_nobody(engine, views, poison, monkeypatch):
    monkeypatch.setattr("statewright.consolidators.runner._RETRY_S", 0.05)
    chronicle = await chronicle_of((A, "GO"), (B, "GO"), (C, "GO"))
    Tally.broken = True

    async with running(chronicle.store, engine, Tally, Flow):
        assert await views.wait_for("flow", "3", 60)
        await until(views, lambda: standing_of(views, "tally").error is not None)
        stopped = standing_of(views, "tally")
        Tally.broken = False
        assert await views.wait_for("tally", "3", 60)
        await until(views, lambda: standing_of(views, "tally").error is None)

    assert stopped.error == "stopped after place 0: RuntimeError: the tally is out of order"
    assert (stopped.place, stopped.parked) == ("0", [])
    assert tallied(engine, views) == {"a": 1, "b": 1, "c": 1}


async def test_a_log_that_cannot_be_read_is_waited_for_and_the_reason_shown(engine, views, monkeypatch):
    monkeypatch.setattr("statewright.consolidators.runner._RETRY_S", 0.05)
    chronicle = await chronicle_of((A, "GO"))
    read = chronicle.store.read

    async def unreadable(after: str, limit: int) -> Batch:
        raise StoreUnavailable("the disk is away")

    async with running(chronicle.store, engine, Flow) as runner:
        assert await views.wait_for("flow", "1", 60)
        monkeypatch.setattr(chronicle.store, "read", unreadable)
        runner.waker.ring()
        await until(views, lambda: standing_of(views, "flow").error is not None)
        stopped = standing_of(views, "flow")
        monkeypatch.setattr(chronicle.store, "read", read)
        await until(views, lambda: standing_of(views, "flow").error is None)

    assert stopped.error == "stopped after place 1: StoreUnavailable: the disk is away"


async def test_a_runner_that_cannot_begin_begins_later(engine, views, monkeypatch):
    monkeypatch.setattr("statewright.consolidators.runner._RETRY_S", 0.02)
    chronicle = await chronicle_of((A, "GO"))
    async with running(chronicle.store, engine, Flow):
        assert await views.wait_for("flow", "1", 60)
    read_entity, failures = chronicle.store.read_entity, iter([True, True])

    async def fails_twice(*arguments):
        if next(failures, False):
            raise StoreUnavailable("the disk is away")
        return await read_entity(*arguments)

    monkeypatch.setattr(chronicle.store, "read_entity", fails_twice)
    chronicle.add(B, ("open",))
    await chronicle.write()

    async with running(chronicle.store, engine, Flow):
        assert await views.wait_for("flow", "2", 60)

    assert standing_of(views, "flow").generation == 1


async def test_a_view_of_another_log_is_rebuilt_and_never_continued(engine, views):
    first = await chronicle_of((A, "GO"), (B, "GO"), (B, "GO"))
    async with running(first.store, engine):
        assert await views.wait_for("entities", "3", 60)
    other = await chronicle_of((C, "GO"), (C, "GO"), (C, "GO"), (D, "GO"))

    async with running(other.store, engine):
        await until(views, lambda: all(each.generation == 2 for each in views.standing()))

    assert [row.entity for row in views.entities(order="id").items] == ["c", "d"]
    assert [each.place for each in views.standing()] == ["4"] * len(BUILT_IN)


@on_both
async def test_a_log_that_was_restored_and_went_another_way_is_noticed(engine, views):
    store = MemoryStore()
    first = Chronicle(store)
    first.add(A, ("open",), "GO")
    first.add(B, ("open",), "GO")
    await first.write()
    async with running(store, engine):
        assert await views.wait_for("entities", "2", 60)
    restored = MemoryStore()
    restored._log_id = store.log_id
    again = Chronicle(restored)
    again.add(A, ("open",), "GO")
    again.add(B, ("closed",), "GO")
    again.add(B, ("closed",), "GO")
    await again.write()

    async with running(restored, engine):
        await until(views, lambda: all(each.generation == 2 for each in views.standing()))

    assert views.counts("order").states == {"closed": 1, "open": 1}


async def test_a_consolidator_with_a_new_number_is_rebuilt(engine, views):
    chronicle = await chronicle_of((A, "GO"), (B, "GO"))
    async with running(chronicle.store, engine, Tally):
        assert await views.wait_for("tally", "2", 60)

    async with running(chronicle.store, engine, Later):
        await until(views, lambda: standing_of(views, "tally").generation == 2)

    assert tallied(engine, views) == {"a": 1, "b": 1}
    assert standing_of(views, "tally").error is None


@on_both
async def test_readers_see_the_old_view_until_the_rebuilt_one_has_caught_up(engine, views):
    chronicle = Chronicle(MemoryStore())
    for number in range(3_000):
        chronicle.add(Ref("order", str(number % 500)), ("open",) if number % 3 else ("closed",))
    await chronicle.write()
    seen: set[tuple[int, str]] = set()

    async with running(chronicle.store, engine) as runner:
        assert await views.wait_for("entities", "3000", 60)
        ask_for_rebuild(engine, "entities", 0)
        runner.waker.ring()
        while standing_of(views, "entities").generation == 1:
            page = views.entities(limit=1)
            seen.add((views.counts("order").total, page.place))
            await asyncio.sleep(0)

    assert seen == {(500, "3000")}
    assert views.counts("order").total == 500
    assert standing_of(views, "entities").rebuild is None


@on_both
async def test_the_tables_of_the_old_generation_are_dropped_in_the_end(engine, views):
    chronicle = await chronicle_of((A, "GO"))

    async with running(chronicle.store, engine, Stays, drop_after_s=0.0) as runner:
        assert await views.wait_for("stays", "1", 60)
        ask_for_rebuild(engine, "stays", 0)
        runner.waker.ring()
        await until(views, lambda: standing_of(views, "stays").generation == 2)
        await until(views, lambda: "stays_1" not in tables(engine))

    assert {"stays_2", "stays_combined_2", "stays_states_2", "stays_lengths_2"} <= tables(engine)
    assert not list(Path(str(engine.url.database)).parent.glob("*.building*"))


def tables(engine: Engine) -> set[str]:
    return set(inspect(engine).get_table_names())


@on_both
async def test_a_rebuild_that_was_cut_short_is_begun_anew(engine, views):
    chronicle = await chronicle_of((A, "GO"), (B, "GO"))
    async with running(chronicle.store, engine, Entities):
        assert await views.wait_for("entities", "2", 60)
    ask_for_rebuild(engine, "entities", 0)
    with engine.begin() as connection:  # as a process leaves it that is killed while it copies
        connection.exec_driver_sql("create table entities_2 (born integer)")
        connection.exec_driver_sql(
            "insert into generation (name, generation, number, phase, log, place, started_at, tables, recorded_at,"
            " transitions) values ('entities', 2, 1, 'copying', 'x', '1', 0, '[\"entities_2\"]', 0, 0)"
        )

    async with running(chronicle.store, engine, Entities):
        await until(views, lambda: standing_of(views, "entities").generation != 1)

    assert views.counts("order").total == 2


@on_both
async def test_a_transaction_that_failed_leaves_nothing_behind(engine, views, monkeypatch):
    monkeypatch.setattr("statewright.consolidators.runner._RETRY_S", 0.02)
    chronicle = await chronicle_of((A, "GO"), (B, "GO"))
    save, failures = bookkeeping.save_checkpoint, iter([True, True])

    def fails_twice(*arguments):
        if next(failures, False):
            raise OSError("the disk is gone")
        save(*arguments)

    monkeypatch.setattr(bookkeeping, "save_checkpoint", fails_twice)
    async with running(chronicle.store, engine, Entities):
        assert await views.wait_for("entities", "2", 60)

    assert views.counts("order").total == 2
    assert [row.version for row in views.entities().items] == [1, 1]


async def test_lag_is_told_in_transitions_and_seconds(engine, views):
    chronicle = await chronicle_of((A, "GO"), (B, "GO"))
    async with running(chronicle.store, engine, Flow):
        assert await views.wait_for("flow", "2", 60)
    chronicle.add(A, ("open",))
    await chronicle.write()

    (behind,) = await with_lag(views.standing(), chronicle.store)

    assert behind.lag == 1
    assert behind.lag_s is not None
    assert behind.lag_s > 1_000_000  # these transitions were recorded years ago


async def test_a_rebuild_of_what_there_is_not_names_what_there_is(engine, views):
    chronicle = await chronicle_of((A, "GO"))
    async with running(chronicle.store, engine, Flow, Entities):
        assert await views.wait_for("flow", "1", 60)

    with pytest.raises(UnknownConsolidator, match="there is no consolidator 'flaw'; there are entities, flow"):
        ask_for_rebuild(engine, "flaw", 0)


def test_a_view_that_was_never_built_says_so(engine):
    with pytest.raises(NotBuiltYet):
        Views(engine).counts("order")


@on_both
@pytest.mark.parametrize("made", [Entities, Stays], ids=["entities", "stays"])
async def test_a_rebuild_that_outgrows_its_memory_writes_out_and_comes_to_the_same(engine, views, monkeypatch, made):
    chronicle = Chronicle(MemoryStore())
    for number in range(2_000):
        leaves = [("open",), ("open",), ("waiting", "paid"), ("waiting", "unpaid"), ("closed",)][number % 5]
        chronicle.add(Ref("order", str(number * 7 % 90)), leaves, changes={"n": number})
    await chronicle.write()
    async with running(chronicle.store, engine, made, Flow) as runner:
        assert await views.wait_for(made.name, "2000", 60)
        before = shown(views, made.name)
        monkeypatch.setattr("statewright.consolidators.folding.MEMORY_BYTES", 20_000)
        monkeypatch.setattr("statewright.consolidators.stays._HELD_AT_MOST", 10)
        ask_for_rebuild(engine, made.name, 0)
        runner.waker.ring()
        await until(views, lambda: standing_of(views, made.name).generation == 2)

    assert shown(views, made.name) == before


def shown(views: Views, name: str) -> object:
    if name == "entities":
        return views.counts("order"), views.entities(limit=100)
    return views.stays("order"), views.counts("order", place="1000"), views.entities(place="1500")
