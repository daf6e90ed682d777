"""What the views answer does not depend on the database they are in: every question, of one log in each kind."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from statewright.consolidators import opened
from statewright.machine.definition import Relation
from statewright.machine.record import Actor, Timer
from statewright.stores.memory import MemoryStore
from statewright.stores.words import Ref
from statewright.views import Views
from tests.consolidators.histories import HOUR, VIEWS, Chronicle, running
from tests.postgresql import Server

IDS = ("a", "A", "b", "B", "ä", "Ä", "z", "é", "9", "10", "a-b", "a_b", "a b", "a.b", "%", "_", "!", "日本", "🧾", "ﬀ")
TYPES = ("order", "Order", "ärger")
LEAVES = (("open",), ("Open",), ("paid", "sent.by_post"), ("paid", "sent.by_air"), ("done",))


class Definitions:
    """Orders name others by two keys."""

    def relations(self, type: str, revision: int) -> Mapping[str, Relation]:
        return {"parent": Relation(entity="order", key="parent"), "Kin": Relation(entity="Order", key="kin")}


async def some_log() -> MemoryStore:
    store = MemoryStore()
    chronicle, chance = Chronicle(store), random.Random(11)
    for number in range(700):
        ref = Ref(chance.choice(TYPES), chance.choice(IDS))
        changes = {"n": number, "text": "\0 %s ? 'x'"} if number % 3 else {"parent": chance.choice([*IDS, "x\0y"])}
        chronicle.add(
            ref,
            chance.choice(LEAVES),
            chance.choice(["GO", "go", "PAY", "zurück"]),
            took=chance.choice([0, 1, 40_000_000, 5 * HOUR]),
            changes={**changes, "kin": chance.choice(IDS)},
            actor=Actor(chance.choice(["anna", "Anna", "bert", "ä"])),
            revision=chance.choice([1, 2]),
            timers_started=(Timer("open", f"PT{number % 7}H", chronicle.now + number, number),),
        )
    await chronicle.write()
    return store


async def shown_in(database: str, store: MemoryStore) -> Any:
    engine = opened(database)
    views = Views(engine, store.compare_places)
    async with running(store, engine, definitions=Definitions(), batch=190):
        for name in VIEWS:
            assert await views.wait_for(name, await store.latest_place(), 60)
    told = dict(answers(views))
    views.close()
    return told


def answers(views: Views) -> Iterator[tuple[str, Any]]:
    """Every question, with what is asked as its key."""
    yield "types", views.types()
    yield "overview", views.overview(1_700_000_500_000_000, {"order": ["done"]})
    yield "deadlines", [views.deadlines(2**62, limit=7), views.deadlines(2**62, type="Order", limit=100)]
    yield "next_due", views.next_due(1_700_000_000_000_000)
    for order in ("newest", "oldest", "id"):
        for q in (None, "a", "A", "Ä", "%", "_", "B", "🧾", "a b", "'", "?"):
            for states in ((), ("open",), ("sent",), ("nowhere",)):
                yield f"list {order} {q} {states}", [*pages(views, order=order, q=q, states=states)]
    for q in (None, "a", "Ä"):
        yield f"then {q}", [*pages(views, order="id", q=q, place="300"), *pages(views, order="id", at=10**16)]
    for type in (*TYPES, "nothing", "o\0"):
        yield f"counts {type}", [views.counts(type), views.counts(type, place="99"), views.by_revision(type)]
        yield f"stays {type}", views.stays(type)
        for revision in (None, 2):
            for from_ in (None, 1_700_000_000_000_000 + 40 * HOUR):
                period = {"from_": from_, "to": from_ and from_ + 900 * HOUR, "revision": revision}
                yield (
                    f"of {type} {period}",
                    [
                        views.flow(type, **period),
                        views.variants(type, limit=9, **period),
                        views.rework(type, **period),
                        views.funnel(type, **period),
                        views.hand_overs(type, limit=3, **period),
                        views.throughput(type, lambda _, leaves: "done" in leaves, **period),
                        views.dwell(type, **period),
                    ],
                )
        yield f"hours {type}", views.hours(type, from_=1_700_000_000_000_000, to=1_700_000_000_000_000 + 90 * HOUR)
        yield f"references {type}", views.references(type)
        for id in IDS:
            page, after = None, None
            while page is None or after is not None:
                page = views.related(type, id, after=after, limit=3)
                after = page.next
                yield f"related {type} {id} {after}", page


def pages(views: Views, **wanted: Any) -> Iterator[Any]:
    after = None
    while True:
        page = views.entities(limit=5, after=after, **wanted)
        yield page
        after = page.next
        if after is None:
            return


async def test_every_answer_from_postgresql_is_the_one_from_sqlite(postgresql: Server, tmp_path: Path):
    store = await some_log()

    sqlite = await shown_in(f"sqlite:///{tmp_path}/views.sqlite", store)
    other = await shown_in(postgresql.schema(), store)

    for question, answer in sqlite.items():
        assert repr(other[question]) == repr(answer).replace(r"entity='x\x00y'", "entity='x␀y'"), question
    assert json.dumps(sorted(sqlite)) == json.dumps(sorted(other))
    assert len(sqlite) > 150
