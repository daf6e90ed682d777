"""Graphviz in a process of its own: whatever becomes of it, the caller gets a layout or an answer in time."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from statewright.diagram.graphviz_process import GraphvizProcess, LayoutFailed

GRAPH = "digraph { a -> b }"


@pytest.fixture
def process() -> Iterator[GraphvizProcess]:
    process = GraphvizProcess(limit_s=20)
    yield process
    process.close()


def fake(folder: Path, behaviour: str) -> Path:
    """A worker that does as `behaviour` says with each `line` it gets."""
    file = folder / "fake.py"
    file.write_text(f"import os, sys, time\nfor line in sys.stdin:\n    {behaviour}\n    sys.stdout.flush()\n")
    return file


def test_a_graph_comes_back_with_the_places_of_its_boxes(process: GraphvizProcess):
    answer = process.lay_out(GRAPH)

    assert {item["name"] for item in answer["objects"]} == {"a", "b"}
    assert all("pos" in item for item in answer["objects"])


def test_a_graph_that_graphviz_refuses_is_a_failure_and_the_next_is_laid_out(process: GraphvizProcess):
    with pytest.raises(LayoutFailed, match="refused"):
        process.lay_out("digraph { -> }")

    assert process.lay_out(GRAPH)


def test_a_graph_that_takes_too_long_is_given_up_in_time(tmp_path: Path):
    process = GraphvizProcess(limit_s=0.3, worker=fake(tmp_path, "time.sleep(3_600)"))

    with pytest.raises(LayoutFailed, match="longer than"):
        process.lay_out(GRAPH)

    process.close()


def test_a_worker_that_died_is_started_again(tmp_path: Path):
    died = tmp_path / "died"
    once = f"""
    if not os.path.exists({str(died)!r}):
        open({str(died)!r}, "w").close(); os._exit(1)
    print('{{"bb": "0,0,1,1"}}')"""
    process = GraphvizProcess(limit_s=20, worker=fake(tmp_path, once))

    assert process.lay_out(GRAPH) == {"bb": "0,0,1,1"}
    process.close()


def test_a_graph_that_kills_the_worker_each_time_is_a_failure(tmp_path: Path):
    process = GraphvizProcess(limit_s=20, worker=fake(tmp_path, "os._exit(11)"))

    with pytest.raises(LayoutFailed, match="died twice"):
        process.lay_out(GRAPH)

    process.close()


def test_a_worker_whose_caller_is_gone_ends(process: GraphvizProcess):
    process.start()
    child = process._child
    assert child is not None
    assert child.stdin is not None
    child.stdin.close()

    assert child.wait(timeout=20) == 0
    child.stdin = None
