"""Places: nothing overlaps, nothing is lost, and no user's text reaches Graphviz."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import pytest

from statewright.diagram.graphviz_process import GraphvizProcess
from statewright.diagram.layout import TANGLED, Direction, Layout, Rect, graph_of, layout_from
from statewright.diagram.plain import plain_layout
from statewright.diagram.shapes import Shapes, shapes_of
from statewright.machine.chart import chart_of
from tests.diagram.drawn import ALL, HOSTILE, NESTED, dense


@pytest.fixture(scope="module")
def process() -> Iterator[GraphvizProcess]:
    process = GraphvizProcess(limit_s=30)
    yield process
    process.close()


def boxes(shapes: Shapes, layout: Layout) -> list[Rect]:
    """The rectangles of all cards and pills."""
    placed = [(layout.cards[path], card) for path, card in shapes.cards.items() if path in layout.cards]
    placed += list(zip(layout.pills, shapes.pills, strict=True))
    return [Rect(at.x - box.width / 2, at.y - box.height / 2, box.width, box.height) for at, box in placed]


def overlap(one: Rect, other: Rect) -> bool:
    across = min(one.x + one.width, other.x + other.width) - max(one.x, other.x)
    down = min(one.y + one.height, other.y + other.height) - max(one.y, other.y)
    return across > 1 and down > 1


def is_sound(shapes: Shapes, layout: Layout) -> bool:
    """Whether no two boxes overlap and all lie within the picture."""
    found = boxes(shapes, layout)
    inside = all(
        box.x >= -1
        and box.y >= -1
        and box.x + box.width <= layout.width + 1
        and box.y + box.height <= layout.height + 1
        for box in found
    )
    return inside and not any(overlap(one, other) for one, other in combinations(found, 2))


@pytest.mark.parametrize("direction", ["LR", "TB"])
@pytest.mark.parametrize("name", ALL)
def test_nothing_overlaps_and_nothing_sticks_out(process: GraphvizProcess, name: str, direction: Direction):
    shapes = shapes_of(chart_of(ALL[name]))

    layout = layout_from(process.lay_out(graph_of(shapes, direction)), shapes, direction)

    assert is_sound(shapes, layout)


@pytest.mark.parametrize("name", ALL)
def test_the_plain_list_is_sound_too(name: str):
    shapes = shapes_of(chart_of(ALL[name]), joining=False)

    assert is_sound(shapes, plain_layout(shapes))


def test_every_line_is_drawn(process: GraphvizProcess):
    shapes = shapes_of(chart_of(HOSTILE))

    layout = layout_from(process.lay_out(graph_of(shapes, "LR")), shapes, "LR")

    assert all(curve and curve.path for lines in layout.lines for curve in (*lines.sources, *lines.targets))
    assert all(curve and curve.head for lines in layout.lines for curve in lines.targets)


def test_states_lie_inside_their_composite(process: GraphvizProcess):
    shapes = shapes_of(chart_of(NESTED))

    layout = layout_from(process.lay_out(graph_of(shapes, "TB")), shapes, "TB")

    frame, state = layout.frames["work.left"], layout.cards["work.left.a"]
    assert frame.x < state.x < frame.x + frame.width
    assert frame.y < state.y < frame.y + frame.height


def test_no_text_of_a_user_reaches_graphviz():
    graph = graph_of(shapes_of(chart_of(HOSTILE)), "LR")

    assert graph.isascii()
    assert "script" not in graph
    assert "alert" not in graph


def test_a_tangle_of_lines_is_drawn_straight():
    assert "splines=line" in graph_of(shapes_of(chart_of(dense(TANGLED // 4, 3))), "LR")
    assert "splines=spline" in graph_of(shapes_of(chart_of(dense(20, 2))), "LR")
