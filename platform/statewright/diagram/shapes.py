"""What stands in the boxes and how large that makes them: cards for states, pills for what leads from one to another.

Branches that share source and target share a pill, a row each; the same event leading from many states to one shares
a pill too, a line each. Branches that stay where they are become rows of the state's own card, as UML writes internal
transitions. All this keeps a definition of forty branches readable. Sizes are in pixels.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from statewright.diagram.measure import Weight, width_of, wrapped
from statewright.machine.chart import ROOT, Arrow, ArrowKind, Box, Change, Chart

Tongue = Literal["name", "event", "guard", "note"]
Sign = Literal["", "clock", "check", "bolt", "loop", "stop", "funnel", "else", "person", "added", "removed", "changed"]

FONTS: dict[Tongue, tuple[float, Weight]] = {
    "name": (13, 600),
    "event": (11.5, 500),
    "guard": (10.5, 400),
    "note": (10.5, 400),
}
LEADING: dict[Tongue, float] = {"name": 17, "event": 15, "guard": 14, "note": 14}
CARD_WIDTH, CARD_HEIGHT = 104, 44
NAME_X, NAME_Y = 31, 13.5
PAD = 10
SIGN_ROOM = 13
"""What a sign takes before a text."""
ANY_LABEL = "Any state"


class Line(Struct, frozen=True):
    """One line of text, set in by `indent`; `sign` is drawn in that room."""

    text: str
    tongue: Tongue
    width: float
    indent: float = 0
    sign: Sign = ""


class Row(Struct, frozen=True):
    """What is written about one branch."""

    arrow: Arrow
    lines: tuple[Line, ...]
    width: float
    height: float


class Card(Struct, frozen=True):
    """A state: its name, and below it the branches that stay there. `head` is the height of the name's part."""

    path: str
    names: tuple[Line, ...]
    rows: tuple[Row, ...]
    width: float
    height: float
    head: float


class Pill(Struct, frozen=True):
    """What leads from `sources` to `targets`. With several sources there is one row, and an arrow for each source."""

    sources: tuple[str, ...]
    targets: tuple[str, ...]
    arrows: tuple[Arrow, ...]
    rows: tuple[Row, ...]
    width: float
    height: float

    @property
    def joined(self) -> bool:
        """Whether it gathers the same branch of several states."""
        return len(self.sources) > 1

    @property
    def loose(self) -> bool:
        """Whether it belongs to a composite state that it does not leave, and so has no lines."""
        return not self.targets


_Way = tuple[str, tuple[str, ...], ArrowKind, Change | None]
"""Source, targets, kind and what became of it: what branches must share to share a pill."""


class Shapes(Struct, frozen=True):
    """Everything to be placed: a card for each box, one for any state under the empty path, and the pills."""

    chart: Chart
    cards: dict[str, Card]
    pills: tuple[Pill, ...]


def shapes_of(chart: Chart, *, joining: bool = True) -> Shapes:
    """Give every box and every branch of the chart its shape. Without `joining` each pill has one source."""
    staying: dict[str, list[Arrow]] = {}
    moving: dict[_Way, list[Arrow]] = {}
    for arrow in chart.arrows:
        if not arrow.stays:
            moving.setdefault((arrow.source, arrow.targets, arrow.kind, arrow.change), []).append(arrow)
        elif arrow.source == ROOT or not chart.boxes[arrow.source].composite:
            staying.setdefault(arrow.source, []).append(arrow)
        else:
            moving.setdefault((arrow.source, (), arrow.kind, arrow.change), []).append(arrow)
    boxes = list(chart.boxes.values())
    if any(arrow.source == ROOT for arrow in chart.arrows):
        boxes.insert(0, Box(path=ROOT, label=ANY_LABEL, kind="atomic"))
    cards = {box.path: _card(box, staying.get(box.path, ())) for box in boxes}
    return Shapes(chart, cards, tuple(_pills(moving, joining)))


def _pills(moving: dict[_Way, list[Arrow]], joining: bool) -> Iterable[Pill]:
    """One pill for each way, but branches that read alike and end alike are joined in one."""
    joined: dict[object, list[Arrow]] = {}
    for (source, targets, kind, change), arrows in moving.items():
        first = arrows[0]
        alone = not joining or len(arrows) > 1 or not targets or source == ROOT
        alike = (first.trigger, first.label, first.guard, first.otherwise, first.allow, first.change)
        key = (source, targets, kind, change) if alone else (targets, kind, alike)
        joined.setdefault(key, []).extend(arrows)
    for arrows in joined.values():
        sources = tuple(dict.fromkeys(arrow.source for arrow in arrows))
        yield _pill(sources, arrows)


def _pill(sources: tuple[str, ...], arrows: list[Arrow]) -> Pill:
    rows = tuple(_row(arrow) for arrow in (arrows if len(sources) == 1 else arrows[:1]))
    height = sum(row.height for row in rows) + 8
    targets = () if arrows[0].stays else arrows[0].targets
    return Pill(sources, targets, tuple(arrows), rows, max(row.width for row in rows), height)


def _card(box: Box, staying: Iterable[Arrow]) -> Card:
    names = _lines(box.label, "name", 190, 4) or _lines(box.path or "?", "name", 190, 4)
    rows = tuple(_row(arrow) for arrow in staying)
    if box.kind == "history":
        return Card(box.path, names, rows, 34, 34, 34)
    head = CARD_HEIGHT + LEADING["name"] * (len(names) - 1)
    width = max(CARD_WIDTH, NAME_X + max(line.width for line in names) + 20, *(row.width + 8 for row in rows))
    body = sum(row.height for row in rows) + 10 if rows else 0
    return Card(box.path, names, rows, round(width), head + body, head)


def _row(arrow: Arrow) -> Row:
    sign = _sign(arrow)
    lines = _lines(arrow.label, "event", 210, 3, sign) or _lines(arrow.words, "event", 210, 3, sign)
    lines += _lines(arrow.guard, "guard", 190, 2, "funnel")
    if arrow.otherwise:
        lines += _lines("otherwise", "guard", 190, 1, "else")
    lines += _lines(", ".join(arrow.allow), "note", 190, 2, "person")
    if arrow.forbids:
        lines += _indented(_lines("is not taken here", "note", 190, 1))
    width = max(line.indent + line.width for line in lines)
    height = sum(LEADING[line.tongue] for line in lines) + 1
    return Row(arrow, lines, round(width + 2 * PAD), height)


def _lines(text: str, tongue: Tongue, width: float, most: int, sign: Sign = "") -> tuple[Line, ...]:
    size, weight = FONTS[tongue]
    return tuple(
        Line(line, tongue, width_of(line, size, weight), SIGN_ROOM if sign else 0, sign if index == 0 else "")
        for index, line in enumerate(wrapped(text, size, weight, width, most))
    )


def _indented(lines: tuple[Line, ...]) -> tuple[Line, ...]:
    return tuple(replace(line, indent=SIGN_ROOM) for line in lines)


def _sign(arrow: Arrow) -> Sign:
    if arrow.change is not None:
        return arrow.change
    if arrow.forbids:
        return "stop"
    match arrow.kind:
        case "after":
            return "clock"
        case "done":
            return "check"
        case "always":
            return "bolt"
    return "loop" if arrow.stays else ""
