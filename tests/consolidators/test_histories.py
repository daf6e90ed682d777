"""Whatever happened, and however the runner was stopped and started on the way: the views are a fold of the log."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from statewright.consolidators import ask_for_rebuild, opened
from statewright.machine.record import Actor, Record
from statewright.stores.memory import MemoryStore
from statewright.stores.words import Ref
from statewright.views import Views, state_of
from tests.consolidators.histories import VIEWS, Chronicle, Stay, all_of, flow_of, heads_of, running, stays_of
from tests.consolidators.ways import agree

CONFIGURATIONS = [("a",), ("b",), ("c.d",), ("a", "x"), ("b", "x"), ("b", "y"), ("c.d", "x", "y")]
HOUR = 3_600_000_000

steps = st.tuples(
    st.sampled_from([Ref("order", "1"), Ref("order", "2"), Ref("order", "3"), Ref("ticket", "1")]),
    st.sampled_from(CONFIGURATIONS),
    st.sampled_from(["GO", "BACK"]),
    st.sampled_from([0, 1, 5_000_000, HOUR]),  # microseconds since the last transition of all
    st.one_of(st.none(), st.integers(-3 * HOUR, HOUR)),  # occurred_at, beside the clock
    st.dictionaries(st.sampled_from("pqr"), st.integers(0, 9), max_size=2),
)
lives = st.lists(st.lists(steps, min_size=1, max_size=8), min_size=1, max_size=6)


async def write(chronicle: Chronicle, batch: list[Any]) -> None:
    for ref, to, event, took, beside, changes in batch:
        happened = {} if beside is None else {"occurred_at": chronicle.now + took + beside}
        data = chronicle.data_of(ref)
        gone = tuple(field for field in data if field == "p" and field not in changes)
        hidden = {"sealed": {"changes": {"q": changes.pop("q")}}} if "q" in changes else {}
        actor = Actor({"GO": "anna", "BACK": "bert"}[event]) if took != 1 else Actor()
        revision = 2 if took == HOUR else 1
        fields = {"changes": dict(changes), "removed": gone, "actor": actor, "revision": revision}
        chronicle.add(ref, to, event, took=took, **fields, **hidden, **happened)
    await chronicle.write()


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(lives, st.booleans(), st.sampled_from([1, 3, 10_000]))
def test_the_views_equal_a_fold_of_the_log_over_restarts_and_a_rebuild(lives: Any, rebuild: bool, batch: int):
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(live_and_compare(Path(folder), lives, rebuild, batch))


async def live_and_compare(folder: Path, batches: list[Any], rebuild: bool, batch: int) -> None:
    store = MemoryStore()
    chronicle = Chronicle(store)
    engine = opened(f"sqlite:///{folder}/views.sqlite")
    views = Views(engine, store.compare_places)
    for each in batches:
        await write(chronicle, each)
        async with running(store, engine, batch=batch):
            await caught_up(views, store)
    if rebuild:
        async with running(store, engine, batch=batch) as runner:
            for name in VIEWS:
                ask_for_rebuild(engine, name, 0)
            runner.waker.ring()
            await rebuilt(views)
            await write(chronicle, batches[0])
            await caught_up(views, store)
    compare(engine, views, await all_of(store))
    views.close()


async def caught_up(views: Views, store: MemoryStore) -> None:
    for name in VIEWS:
        assert await views.wait_for(name, await store.latest_place(), 20)


async def rebuilt(views: Views) -> None:
    mark = ""
    while any(standing.rebuild or standing.generation == 1 for standing in views.standing()):
        mark = await views.changed(mark, 1)


def compare(engine: Engine, views: Views, records: list[Record]) -> None:
    heads = heads_of(records)
    assert entities_in(views) == {ref: head_of(head) for ref, head in heads.items()}
    assert stays_in(engine, views) == stays_of(records)
    assert flow_in(engine, views) == dict(flow_of(records))
    for type in {ref.type for ref in heads}:
        compare_counts(views, type, records)
        compare_lengths(views, type, records)
        agree(views, type, records)


def head_of(head: Any) -> tuple[Any, ...]:
    plain = {field: value for field, value in head.data.items() if field not in head.personal}
    hidden = {field: head.data[field] for field in head.personal}
    times = (head.since, head.created_at, head.happened_at, head.recorded_at)
    return (head.version, state_of(head.leaves), plain, hidden, *times)


def entities_in(views: Views) -> dict[Ref, tuple[Any, ...]]:
    rows = [*views.entities(order="id", limit=2).items]
    found = []
    page = views.entities(order="id", limit=2)
    while True:
        found += page.items
        if page.next is None:
            break
        page = views.entities(order="id", limit=2, after=page.next)
    assert rows == found[:2]
    return {
        Ref(row.type, row.entity): (
            *(row.version, row.state, row.data, row.personal),
            *(row.since, row.created_at, row.happened_at, row.recorded_at),
        )
        for row in found
    }


def generation_of(views: Views, name: str) -> int:
    return next(each.generation or 0 for each in views.standing() if each.name == name)


def stays_in(engine: Engine, views: Views) -> set[Stay]:
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "select type, entity, state, from_version, to_version, from_at, to_at, seconds"
            f" from stays_{generation_of(views, 'stays')}"
        ).fetchall()
    assert all(row[7] is None if row[6] is None else row[7] == (row[6] - row[5]) / 1_000_000 for row in rows)
    return {Stay(*row[:7]) for row in rows}


def flow_in(engine: Engine, views: Views) -> dict[tuple[Any, ...], int]:
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "select type, revision, from_state, event, to_state, hour, transitions"
            f" from flow_{generation_of(views, 'flow')}"
        ).fetchall()
    return {
        (row[0], row[1], leaves(row[2]) if row[2] else None, row[3] or None, leaves(row[4]), row[5]): row[6]
        for row in rows
    }


def leaves(text: str) -> tuple[str, ...]:
    return tuple(text.split(", "))


def compare_counts(views: Views, type: str, records: list[Record]) -> None:
    """Now, at every place, and at every moment on both clocks."""
    assert counted(views.counts(type)) == configurations(heads_of(records), type)
    for upto in range(1, len(records) + 1):
        heads = heads_of(records[:upto])
        place = str(records[upto - 1].position)
        assert counted(views.counts(type, place=place)) == configurations(heads, type)
        then = {Ref(row.type, row.entity): (row.state, row.since) for row in views.entities(place=place).items}
        assert then == {ref: (state_of(head.leaves), head.since) for ref, head in heads.items()}
    for at in {record.recorded_at for record in records}:
        heads = heads_of([record for record in records if record.recorded_at <= at])
        assert counted(views.counts(type, at=at)) == configurations(heads, type)
    for at in {record.own_time for record in records}:
        assert counted(views.counts(type, at=at, basis="occurred")) == configurations(as_of(records, at), type)


def as_of(records: list[Record], at: int) -> dict[Ref, Any]:
    """Where entities were in business time: after the last transition whose time, never falling, is not beyond `at`."""
    seen: dict[Ref, list[Record]] = {}
    for upto in range(1, len(records) + 1):
        ref = Ref(records[upto - 1].type, records[upto - 1].entity)
        seen.setdefault(ref, [])
        if heads_of(records[:upto])[ref].happened_at <= at:
            seen[ref].append(records[upto - 1])
    return heads_of([record for life in seen.values() for record in life])


def counted(counts: Any) -> dict[Any, int]:
    found = {each.state: each.count for each in counts.configurations}
    assert counts.total == sum(found.values())
    for leaf, count in counts.states.items():
        assert count == sum(
            n for state, n in found.items() if leaf in (state if isinstance(state, tuple) else (state,))
        )
    return found


def configurations(heads: dict[Ref, Any], type: str) -> dict[Any, int]:
    found: dict[Any, int] = {}
    for ref, head in heads.items():
        if ref.type == type:
            found[state_of(head.leaves)] = found.get(state_of(head.leaves), 0) + 1
    return found


def compare_lengths(views: Views, type: str, records: list[Record]) -> None:
    stays = [stay for stay in stays_of(records) if stay.type == type]
    items = {item.state: item for item in views.stays(type).items}
    assert set(items) == {stay.state for stay in stays}
    for state, item in items.items():
        lengths = sorted(
            (stay.to_at - stay.from_at) / 1_000_000 for stay in stays if stay.state == state and stay.to_at is not None
        )
        assert (item.ended, item.open) == (len(lengths), sum(s.state == state and s.to_at is None for s in stays))
        if item.seconds is None:
            assert not lengths
            continue
        nearest = [lengths[-(-len(lengths) * percent // 100) - 1] for percent in (50, 90, 95, 99)]
        assert [item.seconds.p50, item.seconds.p90, item.seconds.p95, item.seconds.p99] == nearest
        assert item.seconds.longest == lengths[-1]
        assert abs(item.seconds.mean - sum(lengths) / len(lengths)) < 1e-6
