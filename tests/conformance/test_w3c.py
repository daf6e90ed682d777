"""The W3C's cases for SCXML that use no data model, no invocation and no other session: each ends in `pass` by itself.

Each is imported, compiled and left alone: what is due is let happen on a simulated clock. They lie beside the
checkout, or where STATEWRIGHT_CONFORMANCE says.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from statewright.formats.notes import Imported
from statewright.formats.scxml.reading import read_scxml
from statewright.formats.scxml.writing import write_scxml
from statewright.machine.compile import compile_machine
from statewright.machine.decide import Event
from statewright.machine.record import Actor
from tests.conftest import HOUSE
from tests.machine.charts import Life

CASES = (144, 189, 193, 200, 310, 348, 355, 364, 375, 377, 387, 399, 404, 405, 406, 412, 413, 415, 416, 417, 419, 421,
         436, 451, 495, 576)  # fmt: skip
BY_HAND = {415: "final"}
"""Cases that the W3C looks at by hand, with the state in which the machine halts."""
DECLINED: dict[int, str] = {}
"""Cases that need what our language declines on purpose, with the feature and the reason."""
LONGEST = 1_000


@pytest.fixture(scope="session")
def cases() -> Path:
    """The folder of the cases; a test that needs it is skipped where it is absent."""
    named = os.environ.get("STATEWRIGHT_CONFORMANCE")
    folder = Path(named) if named else HOUSE.parent / "shared" / "conformance" / "w3c"
    if not folder.is_dir():
        pytest.skip(f"no conformance cases in {folder}; name their folder in STATEWRIGHT_CONFORMANCE")
    return folder


def imported(cases: Path, case: int) -> Imported:
    return read_scxml((cases / f"test{case}.txml.scxml").read_bytes(), name=f"test{case}")


def left_alone(found: Imported) -> Life:
    """A machine started, and every timer let fire when it is due, the earliest first."""
    assert found.reading.definition is not None
    assert found.reading.activable, [problem for problem in found.reading.problems if problem.severity != "warning"]
    life = Life(compile_machine(found.reading.definition, revision=1, digest=found.reading.digest))
    for _ in range(LONGEST):
        assert life.head is not None
        if not life.head.timers:
            return life
        timer = min(life.head.timers, key=lambda timer: timer.due)
        life.tell(Event(None, timer=timer, now=timer.due, actor=Actor("statewright:timer", ("system",))))
    raise AssertionError("the machine never comes to rest")


@pytest.mark.parametrize("case", [case for case in CASES if case not in DECLINED])
def test_the_machine_left_alone_reaches_pass(cases: Path, case: int) -> None:
    life = left_alone(imported(cases, case))

    assert life.leaves == (BY_HAND.get(case, "pass"),)


@pytest.mark.parametrize("case", CASES)
def test_nothing_of_a_case_is_lost_on_import(cases: Path, case: int) -> None:
    assert [note.sentence for note in imported(cases, case).notes if note.severity == "lost"] == []


def test_every_case_that_is_there_is_run(cases: Path) -> None:
    assert sorted(int("".join(filter(str.isdigit, file.name))) for file in cases.glob("*.scxml")) == sorted(CASES)


def test_a_case_exported_again_still_passes(cases: Path) -> None:
    for case in CASES:
        again = read_scxml(write_scxml(imported(cases, case).document).text.encode())
        assert left_alone(again).leaves == (BY_HAND.get(case, "pass"),), case
