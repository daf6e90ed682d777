"""Real event logs decided in this process, line by line, as an independent replay decided them."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from statewright.machine.decide import Accepted, Event, decide
from statewright.machine.record import Actor, Head, Leaves
from tests.views.incidents import machines_of

LOGS = [
    ("receipt", "receipt.v2_parallel", "receipt.v2"),
    ("uci_incident", "uci_incident.v2_guarded", "uci_incident.v2_guarded"),
]


@pytest.mark.parametrize(("log", "definition", "oracle"), LOGS, ids=[name for _, name, _ in LOGS])
def test_every_line_of_a_log_is_decided_as_an_independent_replay_decided_it(
    logs: Path, log: str, definition: str, oracle: str
) -> None:
    machines = machines_of(logs, definition)
    heads: dict[tuple[str, str], Head] = {}
    decisions: list[str] = []
    taken: Counter[tuple[str, str, str]] = Counter()
    with gzip.open(logs / f"{log}.ndjson.gz", "rt") as lines:
        for line in lines:
            sent = json.loads(line)
            key = (sent["entity_type"], sent["entity_id"])
            head = heads.get(key)
            actor = sent.get("actor") or {}
            by = Actor(actor.get("id", "anonymous"), (actor["role"],) if actor.get("role") else ())
            outcome = decide(machines[key[0]], head, Event(sent["event"], sent.get("data") or {}, by))
            decisions.append("A" if isinstance(outcome, Accepted) else "R")
            if isinstance(outcome, Accepted):
                taken[short(outcome.from_ or ()), sent["event"], short(outcome.to)] += 1
                version = 1 if head is None else head.version + 1
                heads[key] = Head(
                    version=version, revision=1, leaves=outcome.to, data=outcome.data, history=outcome.history
                )

    assert "".join(decisions) == gzip.decompress((logs / "oracle" / f"{oracle}.decisions.gz").read_bytes()).decode()
    for found in json.loads((logs / "oracle" / f"{oracle}.oracle.json").read_text())["entity_types"].values():
        assert taken == {tuple(one[:3]): one[3] for one in found["transitions"]}


def short(leaves: Leaves) -> str:
    """A configuration in the words of the oracle: the names of the leaves, joined by a bar."""
    return "|".join(leaf.rpartition(".")[2] for leaf in leaves)
