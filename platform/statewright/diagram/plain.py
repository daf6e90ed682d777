"""The layout of last resort: a list of states, each with its branches beside it and the names of their targets.

It is drawn when Graphviz takes too long or fails. It never fails itself, takes time in proportion to the definition,
and nothing in it can overlap. A composite state is a card here; what lies inside it follows, set in.
"""

from __future__ import annotations

from statewright.diagram.layout import Chip, Curve, Layout, Lines, Point, Rect, head_of
from statewright.diagram.measure import width_of, wrapped
from statewright.diagram.shapes import ANY_LABEL, FONTS, Pill, Shapes
from statewright.machine.chart import ROOT

SET_IN = 28
GAP = 48
BETWEEN = 18
CHIP_HEIGHT = 24
CHIP_WIDTH = 190


def plain_layout(shapes: Shapes) -> Layout:
    """Places for shapes made without joining, so that each pill has one source."""
    return _List(shapes).layout()


class _List:
    def __init__(self, shapes: Shapes) -> None:
        self.shapes = shapes
        self.numbers: dict[str, list[int]] = {}
        for number, pill in enumerate(shapes.pills):
            self.numbers.setdefault(pill.sources[0], []).append(number)
        self.cards: dict[str, Point] = {}
        self.pills: dict[int, Point] = {}
        self.lines: dict[int, Lines] = {}
        self.chips: list[Chip] = []
        self.pill_x = max(self._left(path) + card.width for path, card in shapes.cards.items()) + GAP
        self.chip_x = self.pill_x + max((pill.width for pill in shapes.pills), default=0) + GAP

    def layout(self) -> Layout:
        y = 0.0
        for path in self.shapes.cards:
            y = self._state(path, y) + BETWEEN
        start, start_line = self._start()
        return Layout(
            width=max([self.chip_x - GAP, *(chip.frame.x + chip.frame.width for chip in self.chips)]),
            height=max(y - BETWEEN, 1),
            direction="LR",
            cards=self.cards,
            frames={},
            pills=tuple(self.pills[number] for number in range(len(self.shapes.pills))),
            lines=tuple(self.lines[number] for number in range(len(self.shapes.pills))),
            starts=start,
            start_lines=start_line,
            chips=tuple(self.chips),
        )

    def _left(self, path: str) -> float:
        """Where a card begins; the first column is for the dot of the start."""
        depth = 0 if path == ROOT else len(self.shapes.chart.line_up(path)) - 2
        return 36 + depth * SET_IN

    def _state(self, path: str, top: float) -> float:
        """Place a card and what leads from it; the lower edge of both."""
        card = self.shapes.cards[path]
        middle = top + card.head / 2
        self.cards[path] = Point(self._left(path) + card.width / 2, top + card.height / 2)
        edge = Point(self._left(path) + card.width, middle)
        y = top
        for number in self.numbers.get(path, ()):
            y = self._pill(number, edge, y) + 8
        return max(top + card.height, y - 8)

    def _pill(self, number: int, edge: Point, top: float) -> float:
        pill = self.shapes.pills[number]
        height = max(pill.height, len(pill.targets) * (CHIP_HEIGHT + 4) - 4)
        middle = top + height / 2
        self.pills[number] = Point(self.pill_x + pill.width / 2, middle)
        bend = self.pill_x - GAP / 2
        points = ((edge.x, edge.y), (bend, edge.y), (bend, middle), (self.pill_x, middle))
        path = "M{} C{} {} {}".format(*(f"{x:.1f} {y:.1f}" for x, y in points))
        targets = tuple(
            self._target(pill, target, middle, top + CHIP_HEIGHT / 2 + index * (CHIP_HEIGHT + 4))
            for index, target in enumerate(pill.targets)
        )
        self.lines[number] = Lines((Curve(path),), targets)
        return top + height

    def _target(self, pill: Pill, target: str, middle: float, y: float) -> Curve:
        if len(pill.targets) == 1:
            y = middle
        size, weight = FONTS["event"]
        label = ANY_LABEL if target == ROOT else self.shapes.chart.boxes[target].label
        text = " ".join(wrapped(label, size, weight, CHIP_WIDTH, 1)) or target
        frame = Rect(self.chip_x, y - CHIP_HEIGHT / 2, width_of(text, size, weight) + 20, CHIP_HEIGHT)
        self.chips.append(Chip(target, text, frame))
        left, back, tip = Point(self.pill_x + pill.width, middle), Point(self.chip_x - 7, y), Point(self.chip_x, y)
        return Curve(f"M{left.x:.1f} {left.y:.1f}L{back.x:.1f} {back.y:.1f}", head_of(back, tip))

    def _start(self) -> tuple[tuple[Point, ...], tuple[Curve, ...]]:
        """The dot before the initial state, which stands in the first column."""
        initial = self.shapes.chart.initial
        if initial is None:
            return (), ()
        card, left = self.shapes.cards[initial], self._left(initial)
        y = self.cards[initial].y - card.height / 2 + card.head / 2
        back, tip = Point(left - 7, y), Point(left, y)
        return (Point(6, y),), (Curve(f"M12 {y:.1f}L{back.x:.1f} {y:.1f}", head_of(back, tip)),)
