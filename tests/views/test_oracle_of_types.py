"""What whole types did, by real event logs, is what an independent replay of the same logs found.

That replay counts paths, rework, hand-overs and throughput over every line of a log, refused ones too. So here the
logs are replayed by a definition that refuses nothing; dwell is compared as the logs' own definitions decide.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from statewright.consolidators import opened
from statewright.machine.compile import Machine, compile_machine
from statewright.machine.definition import Relation
from statewright.machine.reading import read_definition
from statewright.stores.memory import MemoryStore
from statewright.views import Lengths, Views
from tests.consolidators.histories import VIEWS, running
from tests.views.incidents import lines_of, machines_of, oracle_of, replayed

LOGS = [
    ("receipt", "receipt.v1"),
    ("order_management", "order_management.v1"),
    ("uci_incident", "uci_incident.v1"),
]
DEFINITIONS = [
    ("receipt", "receipt.v1"),
    ("order_management", "order_management.v1"),
    ("order_management", "order_management.v2_tight"),
    ("uci_incident", "uci_incident.v2_guarded"),
]


def anything_goes(type: str) -> Machine:
    """A definition that takes every event in its one state."""
    states = {"new": {"on": {"*": "some"}}, "some": {"on": {"*": {"target": "some", "reenter": True}}}}
    document = {"id": type, "creation": "implicit", "keep": "*", "initial": "new", "states": states}
    reading = read_definition(json.dumps(document).encode())
    assert reading.definition is not None, reading.problems
    return compile_machine(reading.definition, revision=1, digest="")


@asynccontextmanager
async def viewed(store: MemoryStore, folder: Path, **options: Any) -> AsyncIterator[Views]:
    engine = opened(f"sqlite:///{folder}/views.sqlite")
    views = Views(engine, store.compare_places)
    async with running(store, engine, **options):
        for view in VIEWS:
            assert await views.wait_for(view, await store.latest_place(), 120)
    yield views
    views.close()


@pytest.mark.parametrize(("log", "name"), LOGS, ids=[name for _, name in LOGS])
async def test_paths_rework_hand_overs_and_throughput_are_those_of_an_independent_replay(
    logs: Path, tmp_path: Path, log: str, name: str
):
    types = oracle_of(logs, name)
    store = await replayed(logs, log, name, {type: anything_goes(type) for type in types})
    handed: Counter[tuple[str, str]] = Counter()
    async with viewed(store, tmp_path) as views:
        for type, expected in types.items():
            variants = views.variants(type, limit=5)
            rework = views.rework(type)
            throughput = views.throughput(type, lambda revision, leaves: False)

            assert (variants.entities, variants.variants) == (expected["entities"], expected["variants"])
            top = [count for _, count in expected["top_variants"]][:5]
            assert [each.entities for each in variants.items][: len(top)] == top
            assert [variants.items[0].events, top[0]] == expected["top_variants"][0]
            assert rework.repeated == expected["entities_with_repeated_event"]
            assert {each.event: each.times for each in rework.events} == expected["activities"]
            assert throughput.begun == expected["entities"]
            assert_within_a_percent(throughput.lasted, expected["throughput_first_to_last_event_seconds"])
            for each in views.hand_overs(type, limit=100_000).items:
                handed[each.from_, each.to] += each.times
    whole = json.loads((logs / "oracle" / f"{name}.oracle.json").read_text())
    assert len(handed) == whole["handover_distinct_pairs"]
    assert [[*pair, handed[pair[0], pair[1]]] for *pair, _ in whole["handover_top"]] == whole["handover_top"]


@pytest.mark.parametrize(("log", "name"), DEFINITIONS, ids=[name for _, name in DEFINITIONS])
async def test_dwell_is_that_of_an_independent_replay_exactly_or_within_a_percent(
    logs: Path, tmp_path: Path, log: str, name: str
):
    store = await replayed(logs, log, name)
    async with viewed(store, tmp_path) as views:
        for type, expected in oracle_of(logs, name).items():
            dwell = views.dwell(type)
            moved = {tuple(each[:3]): each[3] for each in expected["transitions"] if each[0] not in (each[2], "new")}

            assert {each.state: each.ended for each in dwell.states} == {
                state: figures["n"] for state, figures in expected["dwell_seconds"].items()
            }
            for each in dwell.states:
                assert_within_a_percent(each.seconds, expected["dwell_seconds"][each.state])
            assert {(each.from_, each.event, each.to): each.ended for each in dwell.transitions} == moved


async def test_the_way_to_a_final_state_takes_as_long_as_an_independent_replay_found(logs: Path, tmp_path: Path):
    store = await replayed(logs, "order_management", "order_management.v1")
    machine = machines_of(logs, "order_management.v1")["item"]
    expected = oracle_of(logs, "order_management.v1")["item"]
    async with viewed(store, tmp_path) as views:
        funnel = {each.state: each for each in views.funnel("item").items}
        throughput = views.throughput("item", lambda _, leaves: machine.is_final(leaves))

    assert funnel["picked"].reached == throughput.ended == expected["entities_in_final"]
    assert_within_a_percent(funnel["picked"].seconds, expected["time_to_first_final_seconds"])


def assert_within_a_percent(found: Lengths | None, expected: dict[str, float]) -> None:
    """The mean and the longest are exact, to the millisecond: the replay subtracted floating-point times."""
    assert found is not None
    tolerance = 0.01 if found.estimated else 0.0
    for which in ("p50", "p90", "p95", "p99"):
        assert getattr(found, which) == pytest.approx(expected[which], rel=tolerance, abs=0.002)
    assert (found.mean, found.longest) == pytest.approx((expected["mean"], expected["max"]), rel=1e-9, abs=0.002)


class Named:
    """The relations of orders, items and packages, as the lines of the log name others by."""

    def relations(self, type: str, revision: int) -> dict[str, Relation]:
        named = ("customer", "item", "employee", "product")
        return {other: Relation(entity=other, key=other, cardinality="many") for other in named}


def with_relations(line: dict[str, Any], known: dict[str, dict[str, list[str]]]) -> dict[str, Any]:
    """A line whose relations are keys in its data, with all that its entity named before."""
    entity = known.setdefault(f"{line['entity_type']}/{line['entity_id']}", {})
    for other in line.get("relations", ()):
        ids = entity.setdefault(other["type"], [])
        if other["id"] not in ids:
            ids.append(other["id"])
    return {**line, "data": {type: list(ids) for type, ids in entity.items()}}


async def test_references_are_those_of_an_independent_replay(logs: Path, tmp_path: Path):
    known: dict[str, dict[str, list[str]]] = {}
    sent = [with_relations(line, known) for line in lines_of(logs, "order_management")]
    types = ("order", "item", "package")
    store = await replayed(logs, "", "", {type: anything_goes(type) for type in types}, sent)
    async with viewed(store, tmp_path, definitions=Named()) as views:
        counted = {type: {each.to: each for each in views.references(type).items} for type in types}
        order = views.related("order", "990001")
        item = views.related("item", "880004")

    expected = json.loads((logs / "oracle" / "order_management.v1.oracle.json").read_text())["relations_distinct"]
    found = {f"{type}->{to}": each.references for type in types for to, each in counted[type].items()}
    assert found == expected
    assert (counted["order"]["item"].open, counted["package"]["item"].open) == (0, 0)
    assert counted["order"]["customer"].open == counted["order"]["customer"].references
    named = [(each.relation, each.entity, each.state) for each in order.items if each.relation == "item"]
    assert named == [("item", f"88000{n}", "some") for n in range(1, 7)]
    assert {(each.names, each.type, each.entity) for each in item.items if each.type in types} == {
        (False, "order", "990001"),
        (False, "package", "660001"),
    }
