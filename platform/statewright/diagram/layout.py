"""Where everything stands: from shapes to a graph of empty boxes for Graphviz, and from its answer to places.

No text of a user reaches Graphviz: boxes are named by number and sized by us. A pill is a node between two edges, so a
line runs through its label and never over another's. Units are pixels, which Graphviz calls points; y grows downwards.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal, NamedTuple

import graphviz
from msgspec import Struct

from statewright.diagram.shapes import Pill, Shapes
from statewright.machine.chart import ROOT, Box, Chart

VERSION = 1
"""The painter's version: part of the key of a cached layout. Raise it when sizes or the graph change."""

Direction = Literal["LR", "TB"]
MANY = 60
"""States above which Graphviz is told to try less hard."""
TANGLED = 300
"""Lines above which they are drawn straight, and boxes are put in their places with less search: of 150 states with
450 lines, across and down, routing around boxes and searching on take 1.1 s of a processor, and this 0.25 s."""
MARGIN = 18


class Point(NamedTuple):
    """A place; of a box, its centre."""

    x: float
    y: float


class Rect(NamedTuple):
    """A frame around the states of a composite."""

    x: float
    y: float
    width: float
    height: float


class Curve(NamedTuple):
    """A line: the path's text, and the triangle at its end, empty where there is none."""

    path: str
    head: str = ""


class Chip(NamedTuple):
    """The name of a target, standing for it where the line does not go there."""

    path: str
    text: str
    frame: Rect


class Lines(Struct, frozen=True):
    """The curves of one pill: one from each source, one to each target; None where Graphviz drew none."""

    sources: tuple[Curve | None, ...] = ()
    targets: tuple[Curve | None, ...] = ()


class Layout(Struct, frozen=True):
    """The places of one chart's shapes. `chips` are there in a plain layout only, see `plain`."""

    width: float
    height: float
    direction: Direction
    cards: dict[str, Point]
    frames: dict[str, Rect]
    pills: tuple[Point, ...]
    lines: tuple[Lines, ...]
    starts: tuple[Point, ...]
    start_lines: tuple[Curve, ...]
    chips: tuple[Chip, ...] = ()

    def scale_in(self, width: float, height: float) -> float:
        """How much it must shrink to be seen whole in a window of that size; 1 when it fits."""
        return min(1.0, width / max(self.width, 1), height / max(self.height, 1))


def graph_of(shapes: Shapes, direction: Direction) -> str:
    """The graph of empty boxes, in DOT, for Graphviz to place."""
    return _Graph(shapes, direction).source()


class _Names:
    """The numbers that stand for boxes and pills in the graph."""

    def __init__(self, shapes: Shapes) -> None:
        self.of = {path: number for number, path in enumerate((ROOT, *shapes.chart.boxes))}

    def card(self, path: str) -> str:
        return f"n{self.of[path]}"

    def frame(self, path: str) -> str:
        return f"cluster_{self.of[path]}"

    def start(self, path: str) -> str:
        """The dot where a stay in the composite `path` begins."""
        return f"s{self.of[path]}"

    def inlet(self, path: str) -> str:
        return f"in{self.of[path]}"

    def outlet(self, path: str) -> str:
        return f"out{self.of[path]}"


class _Graph:
    def __init__(self, shapes: Shapes, direction: Direction) -> None:
        self.shapes = shapes
        self.chart = shapes.chart
        self.names = _Names(shapes)
        self.owned: dict[str, list[int]] = {}
        for number, pill in enumerate(shapes.pills):
            self.owned.setdefault(_owner(self.chart, pill), []).append(number)
        self.dot = graphviz.Digraph(
            graph_attr=_settings(direction, len(self.chart.boxes), _line_count(shapes)),
            node_attr={"shape": "box", "fixedsize": "true", "label": "", "margin": "0"},
            edge_attr={"arrowsize": "0.7"},
        )

    def source(self) -> str:
        self._inside(self.dot, ROOT, self.chart.roots, self.chart.initial)
        for number, pill in enumerate(self.shapes.pills):
            self._lines(number, pill)
        return str(self.dot.source)

    def _inside(self, dot: graphviz.Digraph, path: str, boxes: Sequence[Box], initial: str | None) -> None:
        """What lies in a composite, or in the whole: its start, its boxes, its pills."""
        if initial is not None:
            dot.node(self.names.start(path), shape="circle", width="0.16", height="0.16")
            head = self._end(initial)
            dot.edge(
                self.names.start(path), head, id=f"i{self.names.of[path]}", weight="20", **self._clip_head(initial)
            )
        if path == ROOT and ROOT in self.shapes.cards:
            self._card(dot, ROOT)
        for box in boxes:
            self._box(dot, box)
        for number in self.owned.get(path, ()):
            pill = self.shapes.pills[number]
            dot.node(f"p{number}", width=_inches(pill.width), height=_inches(pill.height))

    def _box(self, dot: graphviz.Digraph, box: Box) -> None:
        if not box.composite:
            self._card(dot, box.path)
            return
        with dot.subgraph(name=self.names.frame(box.path)) as frame:
            title = self.shapes.cards[box.path]
            frame.attr(margin="18", labeljust="l", labelloc="t", label=_reserved(title.width + 40, title.head - 20))
            if box.kind == "parallel":
                self._inlet(frame, box)
            self._inside(frame, box.path, [self.chart.boxes[child] for child in box.children], box.initial)
            if any(box.path in pill.sources for pill in self.shapes.pills):
                self._outlet(frame, box)

    def _card(self, dot: graphviz.Digraph, path: str) -> None:
        card = self.shapes.cards[path]
        dot.node(self.names.card(path), width=_inches(card.width), height=_inches(card.height))

    def _inlet(self, frame: graphviz.Digraph, box: Box) -> None:
        """A point before all regions, for lines that enter the parallel state as a whole."""
        inlet = self.names.inlet(box.path)
        frame.node(inlet, style="invis", width="0.02", height="0.02")
        for child in box.children:
            frame.edge(inlet, self._end(child), style="invis", weight="4")

    def _outlet(self, frame: graphviz.Digraph, box: Box) -> None:
        """A point after all states, for lines that leave the composite as a whole."""
        outlet = self.names.outlet(box.path)
        frame.node(outlet, style="invis", width="0.02", height="0.02")
        for leaf in _leaves(self.chart, box):
            frame.edge(self.names.card(leaf.path), outlet, style="invis", weight="0")

    def _lines(self, number: int, pill: Pill) -> None:
        for index, source in enumerate(pill.sources):
            if pill.loose or any(_holds(self.chart, source, target) for target in pill.targets):
                continue  # it leads inwards: the pill lies in the frame already
            self.dot.edge(
                self._beginning(source),
                f"p{number}",
                id=f"a{number}_{index}",
                arrowhead="none",
                **self._clip_tail(source),
            )
        for index, target in enumerate(pill.targets):
            self.dot.edge(f"p{number}", self._end(target), id=f"b{number}_{index}", **self._clip_head(target))

    def _beginning(self, path: str) -> str:
        return self.names.outlet(path) if self._composite(path) else self.names.card(path)

    def _end(self, path: str) -> str:
        if not self._composite(path):
            return self.names.card(path)
        return self.names.inlet(path) if self.chart.boxes[path].kind == "parallel" else self.names.start(path)

    def _composite(self, path: str) -> bool:
        return path != ROOT and self.chart.boxes[path].composite

    def _clip_head(self, path: str) -> dict[str, str]:
        return {"lhead": self.names.frame(path)} if self._composite(path) else {}

    def _clip_tail(self, path: str) -> dict[str, str]:
        return {"ltail": self.names.frame(path)} if self._composite(path) else {}


def _line_count(shapes: Shapes) -> int:
    return sum(len(pill.sources) + len(pill.targets) for pill in shapes.pills)


def _settings(direction: Direction, boxes: int, lines: int) -> dict[str, str]:
    settings = {
        "rankdir": direction,
        "compound": "true",
        "splines": "spline" if lines <= TANGLED else "line",
        "nodesep": "0.3" if direction == "LR" else "0.4",
        "ranksep": "0.32",
        "remincross": "true",
    }
    if boxes > MANY and lines > TANGLED:
        return settings | {"remincross": "false", "mclimit": "0.2", "nslimit": "0.5", "nslimit1": "0.5"}
    if boxes > MANY:
        # A dense graph of 120 states takes a second with these and a quarter of a minute without.
        return settings | {"mclimit": "0.5", "nslimit": "2", "nslimit1": "2"}
    return settings | {"mclimit": "4", "searchsize": "100"}


def _inches(pixels: float) -> str:
    return f"{pixels / 72:.3f}"


def _reserved(width: float, height: float) -> str:
    """An empty table as a label: the room that our own title will take."""
    size = f'fixedsize="true" width="{width:.0f}" height="{height:.0f}"'
    return f'<<table border="0" cellborder="0" cellspacing="0" cellpadding="0" {size}><tr><td></td></tr></table>>'


def _owner(chart: Chart, pill: Pill) -> str:
    """The innermost composite that holds both ends of a pill; its own source for a pill that stays."""
    if pill.loose:
        return pill.sources[0]
    ends = [*pill.sources, *pill.targets]
    if ROOT in ends:
        return ROOT
    inward = any(_holds(chart, source, target) for source in pill.sources for target in pill.targets)
    lines = [chart.line_up(end) for end in ends]
    above = lines if inward else [line[1:] for line in lines]
    return next(path for path in above[0] if all(path in line for line in above) and (inward or path not in ends))


def _holds(chart: Chart, outer: str, inner: str) -> bool:
    return outer != ROOT and outer != inner and outer in chart.line_up(inner)


def _leaves(chart: Chart, box: Box) -> Iterator[Box]:
    for child in box.children:
        inner = chart.boxes[child]
        if inner.composite:
            yield from _leaves(chart, inner)
        else:
            yield inner


def layout_from(answer: dict[str, Any], shapes: Shapes, direction: Direction) -> Layout:
    """The places in Graphviz's answer (`json0`) to the graph of these shapes."""
    _, _, width, height = _numbers(answer["bb"])
    names = _Names(shapes)
    objects = {item["name"]: item for item in answer.get("objects", ())}
    edges = {
        item["id"]: _curve(item["pos"], height) for item in answer.get("edges", ()) if "id" in item and "pos" in item
    }
    centre = {name: _centre(item["pos"], height) for name, item in objects.items() if "pos" in item}
    boxes = shapes.chart.boxes
    return Layout(
        width=width,
        height=height,
        direction=direction,
        cards={path: centre[names.card(path)] for path in shapes.cards if path == ROOT or not boxes[path].composite},
        frames={path: _frame(objects[names.frame(path)]["bb"], height) for path, box in boxes.items() if box.composite},
        pills=tuple(centre[f"p{number}"] for number in range(len(shapes.pills))),
        lines=tuple(
            Lines(
                tuple(edges.get(f"a{number}_{index}") for index in range(len(pill.sources))),
                tuple(edges.get(f"b{number}_{index}") for index in range(len(pill.targets))),
            )
            for number, pill in enumerate(shapes.pills)
        ),
        starts=tuple(place for name, place in centre.items() if name[0] == "s"),
        start_lines=tuple(curve for name, curve in edges.items() if name[0] == "i"),
    )


def _numbers(text: str) -> list[float]:
    return [float(number) for number in text.split(",")]


def _centre(text: str, height: float) -> Point:
    x, y = _numbers(text)
    return Point(x, height - y)


def _frame(text: str, height: float) -> Rect:
    left, bottom, right, top = _numbers(text)
    return Rect(left, height - top, right - left, top - bottom)


def _curve(pos: str, height: float) -> Curve:
    """A spline of Graphviz (`e,x,y` its tip, then the points of Bézier pieces) as an SVG path with our own head."""
    tip: Point | None = None
    points: list[Point] = []
    for token in pos.replace(";", " ").split():
        if token.startswith("e,"):
            tip = _centre(token[2:], height)
        elif not token.startswith("s,"):
            points.append(_centre(token, height))
    pieces = (points[at : at + 3] for at in range(1, len(points) - 2, 3))
    path = f"M{_at(points[0])}" + "".join("C" + " ".join(_at(point) for point in piece) for piece in pieces)
    return Curve(path, head_of(points[-1], tip)) if tip else Curve(path)


def head_of(back: Point, tip: Point) -> str:
    """The triangle of an arrow from `back` to `tip`."""
    dx, dy = tip.x - back.x, tip.y - back.y
    wide = 0.45
    left, right = Point(back.x - dy * wide, back.y + dx * wide), Point(back.x + dy * wide, back.y - dx * wide)
    return f"M{_at(left)}L{_at(tip)}L{_at(right)}Z"


def _at(point: Point) -> str:
    return f"{point.x:.1f} {point.y:.1f}"
