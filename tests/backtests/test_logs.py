"""Real event logs tried on real definitions: what is refused is what an independent replay refused."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from statewright.machine.backtesting import Backtest, Past, Tally, past_of
from statewright.machine.compile import Machine
from statewright.stores.memory import MemoryStore
from statewright.stores.sqlite import SqliteStore
from tests.backtests.recording import lines_of, machine_of, record
from tests.views.incidents import oracle_of

ANYTHING = {
    "id": "incident",
    "creation": "implicit",
    "keep": "*",
    "initial": "any",
    "states": {"any": {"on": {"*": {"keep": "*"}}}},
}
"""A definition under which nothing is refused, so that a log recorded under it holds every line."""


def tried(machine: Machine, then: Machine, pasts: Sequence[Past]) -> Tally:
    backtest = Backtest(machine, lambda _: then)
    backtest.replay(pasts)
    return backtest.finish()


def definition_of(logs: Path, name: str) -> Machine:
    return machine_of((logs / "definitions" / f"uci_incident.{name}.incident.json").read_bytes())


_known: dict[str, list[Past]] = {}


async def pasts_of(machine: Machine, logs: Path) -> list[Past]:
    """The log as `machine` lets it through; made once, since it takes some seconds."""
    if machine.digest in _known:
        return _known[machine.digest]
    store = MemoryStore()
    await record(store, machine, lines_of(logs / "uci_incident.ndjson.gz"))
    batch = await store.read("0", 1_000_000)
    found = _known[machine.digest] = [past_of(record) for record in batch.records]
    return found


async def test_every_line_of_a_log_is_decided_as_the_oracle_decided_it(logs: Path) -> None:
    then = machine_of(ANYTHING)
    pasts = await pasts_of(then, logs)

    for name, refused in (("v1", 4_620), ("v2_guarded", 5_217)):
        tally = tried(definition_of(logs, name), then, pasts)

        assert (tally.transitions, tally.refused) == (141_712, refused)
        oracle: dict[str, Any] = oracle_of(logs, f"uci_incident.{name}")["incident"]
        assert tally.accepted + tally.diverged == oracle["accepted"]


async def test_a_log_recorded_under_one_revision_is_tried_on_the_next(logs: Path) -> None:
    """The log holds what v1 let through; the lines that v1 refused cannot be asked about any more.

    Where an entity's lines were all let through by v1, each decision is the oracle's for v2.
    """
    then = definition_of(logs, "v1")
    pasts = await pasts_of(then, logs)

    tally = tried(definition_of(logs, "v2_guarded"), then, pasts)

    pairs = Counter(zip(_letters(logs, "v1"), _letters(logs, "v2_guarded"), strict=True))
    assert tally.transitions == pairs["A", "A"] + pairs["A", "R"] == 137_092
    assert (tally.accepted, tally.refused, tally.diverged) == (pairs["A", "A"], pairs["A", "R"], 0)
    assert tried(then, then, pasts).conforming == tally.histories == len({past.entity for past in pasts})


def _letters(logs: Path, name: str) -> str:
    """One letter for each line of the log: accepted or refused."""
    packed = (logs / "oracle" / f"uci_incident.{name}.decisions.gz").read_bytes()
    return "".join(gzip.decompress(packed).decode().split())


async def test_a_file_gives_the_same_as_memory(logs: Path, tmp_path: Path) -> None:
    then = definition_of(logs, "v1")
    store = SqliteStore.open(tmp_path / "log.sqlite")
    await record(store, then, lines_of(logs / "uci_incident.ndjson.gz"))
    backtest = Backtest(definition_of(logs, "v2_guarded"), lambda _: then)
    place, after = "", "0"
    while place != after:
        place = after
        after = await store.skim(place, 5_000, Past, "incident", backtest.replay)
    await store.close()

    tally = backtest.finish()

    assert (tally.transitions, tally.refused) == (137_092, 601)
    assert json.loads(json.dumps([found.count for found in tally.findings])) == [132, 126, 99, 95, 76, 73]
