"""Ours against the algorithm of SCXML's appendix D: random charts, and charts whose ways were worked out by hand."""

from __future__ import annotations

import os
import re

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from statewright.formats.scxml.reading import read_scxml
from statewright.machine.compile import compile_machine
from statewright.machine.decide import Accepted, Event, Refused, Why, decide
from tests.conformance.appendix_d import Chart, Endless
from tests.conformance.random_charts import EVENTS, charts
from tests.conformance.worked_charts import CHARTS, Worked
from tests.machine.charts import Life

EXAMPLES = int(os.environ.get("STATEWRIGHT_EXAMPLES", "200")) // 3


class Ours:
    """The chart imported, and told event by event."""

    def __init__(self, text: str) -> None:
        found = read_scxml(text.encode())
        self.problems = [each for each in found.reading.problems if each.severity != "warning"]
        lost = [note.sentence for note in found.notes if note.severity == "lost"]
        self.lost = [sentence for sentence in lost if "an earlier transition is always" not in sentence]
        if not self.problems:
            assert found.reading.definition is not None
            machine = compile_machine(found.reading.definition, revision=1, digest=found.reading.digest)
            self._rest(decide(machine, None, Event(None, {}, now=1_000)))
            self.life = Life(machine)

    @property
    def leaves(self) -> list[str]:
        return [leaf.rpartition(".")[2] for leaf in self.life.leaves]

    def send(self, event: str) -> list[str]:
        if self._rest(decide(self.life.machine, self.life.head, Event(event, {}, now=1_000))):
            self.life.tell(Event(event, {}, now=1_000))
        return self.leaves

    @staticmethod
    def _rest(outcome: Accepted | Refused) -> bool:
        """Whether something happened; a chart beyond our limits is none to compare."""
        if isinstance(outcome, Refused) and outcome.why in (Why.TOO_LARGE, Why.UNSTABLE):
            raise Endless
        return isinstance(outcome, Accepted)


@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[*HealthCheck])
@given(charts(), st.lists(st.sampled_from(EVENTS), max_size=6))
def test_a_chart_goes_where_the_standard_says(text: str, events: list[str]) -> None:
    try:
        standard = Chart(text)
        expected = [standard.leaves, *(standard.send(event) for event in events)]
        ours = Ours(text)
        assume(not ours.problems and not ours.lost)
        found = [ours.leaves, *(ours.send(event) for event in events)]
    except Endless:
        assume(False)

    assert found == expected


def written(chart: Worked) -> str:
    """The chart in full."""
    body = re.sub(r"<(/?)([SPFHT])\b", lambda found: f"<{found[1]}{_NAMES[found[2]]}", chart.body)
    initial = f" initial={chart.initial!r}" if chart.initial else ""
    return f'<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0"{initial}>{body}</scxml>'


_NAMES = {"S": "state", "P": "parallel", "F": "final", "H": "history", "T": "transition"}


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_goes_the_way_that_was_worked_out_by_hand(name: str) -> None:
    chart = CHARTS[name]
    standard, ours = Chart(written(chart)), Ours(written(chart))
    first, *then = chart.ways

    assert ours.problems == []
    assert (ours.leaves, standard.leaves) == (first.split(), first.split())
    for way in then:
        event, _, leaves = way.partition(": ")
        assert (ours.send(event), standard.send(event)) == (leaves.split(), leaves.split()), way
