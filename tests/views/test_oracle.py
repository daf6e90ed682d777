"""The views of real event logs are what an independent replay of the same logs found."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from statewright.consolidators import opened
from statewright.machine.moments import micros_of
from statewright.views import Views
from statewright.views.answers import Counts, State
from tests.consolidators.histories import VIEWS, running
from tests.views.incidents import oracle_of, replayed

LOGS = [
    ("receipt", "receipt.v1"),
    ("order_management", "order_management.v1"),
    ("order_management", "order_management.v2_tight"),
    ("uci_incident", "uci_incident.v1"),
    ("uci_incident", "uci_incident.v2_guarded"),
]


@pytest.mark.parametrize(("log", "name"), LOGS, ids=[name for _, name in LOGS])
async def test_counts_and_stays_are_those_of_an_independent_replay(logs: Path, tmp_path: Path, log: str, name: str):
    store = await replayed(logs, log, name)
    engine = opened(f"sqlite:///{tmp_path}/views.sqlite")
    views = Views(engine, store.compare_places)
    async with running(store, engine):
        for view in VIEWS:
            assert await views.wait_for(view, await store.latest_place(), 60)

    for type, expected in oracle_of(logs, name).items():
        assert views.counts(type).states == without_new(expected["final_state_distribution"])
        for cut, states in expected["state_at"].items():
            assert views.counts(type, at=micros_of(cut), basis="occurred").states == without_new(states["distribution"])
        assert dwelt(views, type) == {state: figures(found) for state, found in expected["dwell_seconds"].items()}
        assert flowed(views, type) == {tuple(found[:3]): found[3] for found in expected["transitions"]}
    views.close()


async def test_configurations_of_regions_are_those_of_an_independent_replay(logs: Path, tmp_path: Path):
    store = await replayed(logs, "receipt", "receipt.v2_parallel")
    engine = opened(f"sqlite:///{tmp_path}/views.sqlite")
    views = Views(engine, store.compare_places)
    async with running(store, engine):
        for view in VIEWS:
            assert await views.wait_for(view, await store.latest_place(), 60)

    for type, expected in oracle_of(logs, "receipt.v2").items():
        assert products(views.counts(type)) == without_new(expected["final_state_distribution"])
        for cut, states in expected["state_at"].items():
            at = views.counts(type, at=micros_of(cut), basis="occurred")
            assert products(at) == without_new(states["distribution"])
        flow = {(product(a.from_), str(a.event), product(a.to)): a.count for a in views.flow(type).transitions}
        assert flow == {tuple(found[:3]): found[3] for found in expected["transitions"]}
        for states in (views.counts(type).states, {item.state: item.open for item in views.stays(type).items}):
            assert counted(states) == per_leaf(expected["final_state_distribution"])
    views.close()


def products(counts: Counts) -> dict[str, int]:
    return {product(found.state): found.count for found in counts.configurations}


def product(state: State | None) -> str:
    """A configuration in the words of the replay, which joined the names of its leaves by a bar."""
    leaves = (state,) if isinstance(state, str) else state or ()
    return "|".join(leaf.rpartition(".")[2] for leaf in leaves)


def counted(states: dict[str, int]) -> dict[str, int]:
    """Counts by the name of the leaf alone; no two leaves of this definition share one."""
    return {leaf.rpartition(".")[2]: count for leaf, count in states.items() if count}


def per_leaf(distribution: dict[str, int]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for state, count in without_new(distribution).items():
        for leaf in state.split("|"):
            found[leaf] += count
    return dict(found)


def without_new(states: dict[str, int]) -> dict[str, int]:
    """Where an entity never had an event accepted, there is none for us."""
    return {state: count for state, count in states.items() if state != "new" and count}


def figures(found: dict[str, float]) -> tuple[float, ...]:
    """To the millisecond: the replay subtracted floating-point times."""
    return tuple(round(found[key], 3) for key in ("n", "mean", "p50", "p90", "p95", "p99", "max"))


def dwelt(views: Views, type: str) -> dict[str, tuple[float, ...]]:
    return {
        item.state: (item.ended, round(s.mean, 3), s.p50, s.p90, s.p95, s.p99, s.longest)
        for item in views.stays(type).items
        if (s := item.seconds)
    }


def flowed(views: Views, type: str) -> dict[tuple[str, str, str], int]:
    return {(str(arrow.from_), str(arrow.event), str(arrow.to)): arrow.count for arrow in views.flow(type).transitions}
