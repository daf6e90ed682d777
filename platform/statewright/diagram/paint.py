"""From places to one SVG: stable ids and classes, every colour left to a stylesheet.

In a page that is `diagram.css` among the pages' static files; marks change classes, `--heat` and short texts there and
never a place. Standing alone, the picture brings `standalone.css` along.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Literal
from urllib.parse import quote

from msgspec import Struct

from statewright.diagram.layout import MARGIN, Chip, Curve, Layout, Rect
from statewright.diagram.marks import Marks, state_id, taken, transition_key, visited
from statewright.diagram.markup import escaped, number, tag
from statewright.diagram.measure import width_of
from statewright.diagram.shapes import ANY_LABEL, FONTS, LEADING, NAME_X, PAD, Card, Line, Pill, Row, Shapes
from statewright.machine.chart import ROOT, Arrow, Box, Change

_SIGNS = {
    "clock": "M5 .4a4.6 4.6 0 1 0 .01 0ZM5 2.4v2.8l1.8 1.1",
    "check": "M1 5.4l2.6 2.8 5-5.8",
    "bolt": "M5.8.4 1.8 5.6h3L4.2 9.6l4-5.4h-3Z",
    "loop": "M8.7 5A3.8 3.8 0 1 1 7.4 2.1M7.6.2v2.2H5.4",
    "stop": "M5 .4a4.6 4.6 0 1 0 .01 0ZM1.9 1.9l6.2 6.2",
    "funnel": "M1.2 1.4h7.2L5.9 4.9v3.4l-2.2-1.1V4.9Z",
    "else": "M1.4 1.6v2.2a1.6 1.6 0 0 0 1.6 1.6h5M5.9 3.2l2.2 2.2-2.2 2.2",
    "person": "M5 .9a2 2 0 1 0 .01 0ZM1.3 9.2a3.7 3.4 0 0 1 7.4 0",
    "added": "M5 1v8M1 5h8",
    "removed": "M1 5h8",
    "changed": "M.8 6.2C2.2 3.4 3.8 3.6 5 5s2.8 1.6 4.2-1.2",
}
_BADGE_SIZE = 10.5


Theme = Literal["auto", "light", "dark"]
_DARK = "@media (prefers-color-scheme: dark) {"


class Setting(Struct, frozen=True):
    """Where the picture will stand: alone with its own style, or in a page.

    Alone it is light, dark, or as its viewer prefers (`auto`). In a page `links` begins every address, or gives the
    address of each path and key that has one.
    """

    standalone: bool = False
    theme: Theme = "auto"
    links: str | Mapping[str, str] | None = None


def paint(shapes: Shapes, layout: Layout, marks: Marks, setting: Setting) -> str:
    """The SVG as text, without an XML declaration."""
    return _Painter(shapes, layout, marks, setting).picture()


@lru_cache(maxsize=3)
def _stylesheet(theme: Theme) -> str:
    """The style of a picture that stands alone; in one theme alone there is no question of what the viewer prefers."""
    written = files(__package__).joinpath("standalone.css").read_text(encoding="utf-8")
    if theme == "auto":
        return written
    light, _, dark = written.partition(_DARK)
    return light if theme == "light" else light + dark.rstrip().removesuffix("}")


class _Painter:
    def __init__(self, shapes: Shapes, layout: Layout, marks: Marks, setting: Setting) -> None:
        self.shapes = shapes
        self.chart = shapes.chart
        self.layout = layout
        self.marks = marks
        self.alone = setting.standalone
        self.theme = setting.theme
        self.links = setting.links
        self.walked = taken(self.chart, marks.walked)
        self.traffic = taken(self.chart, marks.traffic)
        self.busiest = max(self.traffic.values(), default=1)
        self.visited = visited(marks.walked)

    def picture(self) -> str:
        width, height = self.layout.width + 2 * MARGIN, self.layout.height + 2 * MARGIN
        name = f"State diagram of {self.chart.label}"
        own = [tag("title", escaped(name)), f"<style>{_stylesheet(self.theme)}</style>"] if self.alone else []
        return tag(
            "svg",
            *own,
            tag("g", *(self.frame(path) for path in self.layout.frames), class_="sm-groups"),
            tag("g", *self.edges(), class_="sm-edges"),
            tag("g", *(self.card(path) for path in self.layout.cards), class_="sm-states"),
            xmlns="http://www.w3.org/2000/svg",
            class_="sm",
            viewBox=f"{-MARGIN} {-MARGIN} {number(width)} {number(height)}",
            width=width,
            height=height,
            role="img" if self.alone else "group",
            aria_label=name,
            data_direction=self.layout.direction,
            style=None if self.alone else f"--w:{number(width)}",
        )

    # States

    def frame(self, path: str) -> str:
        """A composite state: a frame with its name in the upper left corner."""
        box, card, place = self.chart.boxes[path], self.shapes.cards[path], self.layout.frames[path]
        names = (_text(line, place.x + 14, place.y + 22 + 16 * row, "sm-title") for row, line in enumerate(card.names))
        x, y = place.x + 22 + card.names[-1].width, place.y + 6 + 16 * len(card.names)
        kind = tag("text", "parallel", class_="sm-kind", x=x, y=y) if box.kind == "parallel" else ""
        heat, count = self.marks.heat.get(path), self.marks.counts.get(path)
        label = f"{box.label}, {box.kind} state"
        region = " sm-region" if self.is_region(box) else ""
        if region:  # whoever is in a parallel state is in all its regions, which the frame around them says
            heat = count = None
        warm = "" if heat is None else " has-heat"
        return self.live(
            path,
            tag("rect", x=place.x, y=place.y, width=place.width, height=place.height, rx=12.0),
            *names,
            kind,
            self.frame_count(path, place, count),
            _glyph(box.change, place.x, place.y),
            tooltip=box.description,
            id=state_id(path),
            class_=f"sm-group sm-{box.kind} tone-{box.tone}{region}{self.state_marks(path)}{warm}",
            data_state=path,
            style=None if heat is None or self.alone else f"--heat:{heat:.3f}",
            aria_label=(label if count is None else f"{label}, {_entities(count)}") + _said(box.change),
        )

    def frame_count(self, path: str, place: Rect, count: int | None) -> str:
        """How many entities are anywhere in a composite, in its upper right corner."""
        inside = _badge(_short(count), place.y + 11, right=place.x + place.width - 10) if count is not None else ()
        return tag("g", *inside, "", class_="sm-count", id=f"c{state_id(path)[1:]}")

    def is_region(self, box: Box) -> bool:
        return self.chart.parallel if box.parent == ROOT else self.chart.boxes[box.parent].kind == "parallel"

    def card(self, path: str) -> str:
        if path == ROOT:
            return self.any_state()
        box, card, place = self.chart.boxes[path], self.shapes.cards[path], self.layout.cards[path]
        heat = self.marks.heat.get(path)
        count = self.marks.counts.get(path)
        classes = f"sm-{box.kind} tone-{box.tone}{self.state_marks(path)}{'' if heat is None else ' has-heat'}"
        label = f"{box.label}, {'unknown' if box.kind == 'missing' else box.kind} state{_said(box.change)}"
        corner = place.x - card.width / 2, place.y - card.height / 2
        state = self.live(
            path,
            *self.card_parts(card, box.kind, heat),
            self.badge(card, count),
            _glyph(box.change, 0, 0),
            tooltip=box.description,
            id=state_id(path),
            class_=f"sm-state {classes}",
            data_state=path,
            aria_label=label if count is None else f"{label}, {_entities(count)}",
            **self.moved(*corner, heat),
        )
        # Beside the state, not in it: browsers do not show a link within a link.
        rows = tag("g", *self.inner_rows(card), class_=f"sm-inner tone-{box.tone}", **self.moved(*corner, None))
        return state + rows if card.rows else state

    def any_state(self) -> str:
        """Where transitions of the definition itself begin. It is no state, so it carries none of their attributes."""
        card, place = self.shapes.cards[ROOT], self.layout.cards[ROOT]
        return tag(
            "g",
            *self.card_parts(card, "any", None),
            *self.inner_rows(card),
            id="s-",
            class_="sm-state sm-any tone-neutral",
            **self.moved(place.x - card.width / 2, place.y - card.height / 2, None),
        )

    def card_parts(self, card: Card, kind: str, heat: float | None) -> Iterable[str]:
        width, height, radius = card.width, card.height, 17.0 if kind == "history" else 10.0
        yield tag("rect", class_="sm-halo", x=-5.0, y=-5.0, width=width + 10, height=height + 10, rx=radius + 5)
        yield tag("rect", class_="sm-card", width=width, height=height, rx=radius)
        if not self.alone or heat is not None:
            opacity = None if heat is None or not self.alone else str(round(0.5 * heat, 3))
            yield tag("rect", class_="sm-heat", width=width, height=height, rx=radius, fill_opacity=opacity)
        if kind == "final":
            yield tag("rect", class_="sm-ring", x=3.5, y=3.5, width=width - 7, height=height - 7, rx=radius - 3)
        if kind == "history":
            yield _text(card.names[0], (width - card.names[0].width) / 2, height / 2 + 4.6, "sm-name")
            return
        yield tag("circle", class_="sm-dot", cx=18.0, cy=22.0, r=4.5)
        for row, line in enumerate(card.names):
            yield _text(line, NAME_X, 26.6 + LEADING["name"] * row, "sm-name")

    def inner_rows(self, card: Card) -> Iterable[str]:
        """The branches that stay in this state, in the lower part of its card."""
        if card.rows:
            yield tag("path", class_="sm-rule", d=f"M10 {number(card.head - 2)}H{number(card.width - 10)}")
        y = card.head + 2
        for row in card.rows:
            back = tag("rect", class_="sm-back", x=5.0, y=y - 1, width=card.width - 10, height=row.height, rx=5.0)
            yield self.transition(
                row.arrow, back, *_row_texts(row, 13, y), *self.times([row.arrow], card.width - 8, y + 7)
            )
            y += row.height

    def badge(self, card: Card, count: int | None) -> str:
        """The slot for the count of entities is always there, so a live count changes a text and never a place."""
        inside = _badge(_short(count), 0, right=card.width + 2) if count is not None else ()
        return tag("g", *inside, "", class_="sm-count", id=f"c{state_id(card.path)[1:]}")

    def state_marks(self, path: str) -> str:
        inside = any(leaf == path or leaf.startswith(f"{path}.") for leaf in self.marks.current)
        walked = any(leaf == path or leaf.startswith(f"{path}.") for leaf in self.visited)
        change = self.chart.boxes[path].change
        before = any(leaf == path or leaf.startswith(f"{path}.") for leaf in self.marks.earlier)
        marks = (
            f" is-{change}" if change else "",
            " is-current" if inside else "",
            " is-earlier" if before else "",
            " is-walked" if walked else "",
        )
        return "".join(marks) + (" is-selected" if self.marks.selected == path else "")

    # Transitions

    def edges(self) -> Iterable[str]:
        for curve in self.layout.start_lines:
            yield tag("g", *_curve(curve), class_="sm-init")
        for place in self.layout.starts:
            yield tag("circle", class_="sm-start", cx=place.x, cy=place.y, r=5.5)
        for item, pill in enumerate(self.shapes.pills):
            yield self.bundle(item, pill)
        for chip in self.layout.chips:
            yield self.chip(chip)

    def bundle(self, item: int, pill: Pill) -> str:
        """A pill with its lines. Whatever is one transition alone is one element, with the transition's id."""
        lines = self.layout.lines[item]
        coming = [_hit_and_curve(curve) if curve else "" for curve in lines.sources]
        going = "".join(_hit_and_curve(curve) for curve in lines.targets if curve)
        if pill.joined:
            inside = [self.transition(arrow, line) for arrow, line in zip(pill.arrows, coming, strict=True)]
            inside += [going, self.pill(item, pill, "".join(_row_texts(pill.rows[0], PAD, 4)))]
        elif len(pill.rows) == 1:
            texts = "".join(_row_texts(pill.rows[0], PAD, 4))
            inside = [self.transition(pill.arrows[0], coming[0], going, self.pill(item, pill, texts))]
        else:
            inside = [*coming, going, self.pill(item, pill, "".join(self.pill_rows(pill)))]
        return tag(
            "g",
            *inside,
            class_=f"sm-bundle sm-{pill.arrows[0].kind}{self.moves_marks(pill.arrows)}",
            **self.flow(pill.arrows),
        )

    def pill(self, item: int, pill: Pill, rows: str) -> str:
        place = self.layout.pills[item]
        return tag(
            "g",
            tag("rect", width=pill.width, height=pill.height, rx=8.0),
            rows,
            *(self.times(pill.arrows, pill.width - 8, 0) if len(pill.rows) == 1 else ()),
            class_="sm-pill",
            **self.moved(place.x - pill.width / 2, place.y - pill.height / 2, None),
        )

    def pill_rows(self, pill: Pill) -> Iterable[str]:
        y = 4.0
        for row in pill.rows:
            back = tag("rect", class_="sm-back", x=3.0, y=y - 0.5, width=pill.width - 6, height=row.height, rx=5.0)
            yield self.transition(
                row.arrow, back, *_row_texts(row, PAD, y), *self.times([row.arrow], pill.width - 8, y + 7)
            )
            y += row.height

    def transition(self, arrow: Arrow, *inside: str) -> str:
        key = transition_key(arrow)
        selected = " is-selected" if self.marks.selected == key else ""
        return self.live(
            key,
            *inside,
            tooltip=_tooltip(arrow),
            id=f"t-{key}",
            class_=f"sm-trans sm-{arrow.kind}{self.moves_marks([arrow])}{selected}",
            data_transition=key,
            data_source=arrow.source,
            data_target=" ".join(quote(target, safe="") for target in arrow.targets) or None,
            data_event=arrow.trigger if arrow.kind == "event" else None,
            aria_label=self.spoken(arrow),
            **self.flow([arrow]),
        )

    def spoken(self, arrow: Arrow) -> str:
        """The whole transition in words, for people who hear the picture."""
        source = self.label(arrow.source)
        ends = "is not taken in" if arrow.forbids else "stays in"
        way = f"{ends} {source}" if arrow.stays else f"{source} to {' and '.join(map(self.label, arrow.targets))}"
        said = [f"{arrow.words}: {way}{_said(arrow.change)}"]
        said += [f"only if {arrow.guard}"] if arrow.guard else []
        said += [f"by {', '.join(arrow.allow)}"] if arrow.allow else []
        times = self.walked.get(transition_key(arrow)) or self.traffic.get(transition_key(arrow))
        said += [f"taken {times} {'time' if times == 1 else 'times'}"] if times else []
        return ", ".join(said)

    def label(self, path: str) -> str:
        return ANY_LABEL if path == ROOT else self.chart.boxes[path].label

    def moves_marks(self, arrows: Sequence[Arrow]) -> str:
        keys = [transition_key(arrow) for arrow in arrows]
        walked = " is-walked" if any(key in self.walked for key in keys) else ""
        changes = {arrow.change for arrow in arrows}
        change = changes.pop() if len(changes) == 1 else None
        return (
            (f" is-{change}" if change else "")
            + walked
            + (" has-traffic" if any(key in self.traffic for key in keys) else "")
        )

    def flow(self, arrows: Iterable[Arrow]) -> dict[str, str]:
        """How busy compared with the busiest, as `--heat`, for the width of the lines."""
        share = max((self.traffic.get(transition_key(arrow), 0) for arrow in arrows), default=0) / self.busiest
        return {"style": f"--heat:{share:.2f}"} if share else {}

    def times(self, arrows: Iterable[Arrow], x: float, y: float) -> Iterable[str]:
        """How often these were taken: by everyone, or by the one whose path is shown when more than once."""
        keys = [transition_key(arrow) for arrow in arrows]
        traffic = sum(self.traffic.get(key, 0) for key in keys)
        walked = sum(self.walked.get(key, 0) for key in keys)
        if traffic:
            yield tag("g", *_badge(_short(traffic), y, left=x), class_="sm-times")
        elif walked > 1:
            yield tag("g", *_badge(f"×{_short(walked)}", y, left=x), class_="sm-times")

    def chip(self, chip: Chip) -> str:
        place, (size, weight) = chip.frame, FONTS["event"]
        line = Line(chip.text, "event", width_of(chip.text, size, weight))
        box = tag("rect", x=place.x, y=place.y, width=place.width, height=place.height, rx=8.0)
        tone = self.chart.boxes[chip.path].tone if chip.path in self.chart.boxes else "neutral"
        return tag("g", box, _text(line, place.x + 10, place.y + 16), class_=f"sm-chip tone-{tone}")

    # What all of them need

    def live(self, key: str, *inside: str, tooltip: str, **attributes: str | float | None) -> str:
        """An element that can be chosen: a link where there are addresses, else something for a script to listen to."""
        if tooltip:
            inside = (tag("title", escaped(tooltip)), *inside)
        if self.alone:
            return tag("g", *inside, **{name: value for name, value in attributes.items() if name != "aria_label"})
        if isinstance(self.links, str):
            return tag("a", *inside, href=self.links + quote(key, safe=""), **attributes)
        if self.links is not None:
            if key in self.links:
                return tag("a", *inside, href=self.links[key], **attributes)
            return tag("g", *inside, role="img", **attributes)
        return tag("g", *inside, tabindex="0", role="button", **attributes)

    def moved(self, x: float, y: float, heat: float | None) -> dict[str, str]:
        """In a page a place is a style, which a browser can let glide; alone an attribute, which every viewer knows."""
        if self.alone:
            return {"transform": f"translate({number(x)} {number(y)})"}
        return {
            "style": f"transform:translate({number(x)}px,{number(y)}px)"
            + ("" if heat is None else f";--heat:{heat:.2f}")
        }


def _text(line: Line, x: float, y: float, name: str | None = None) -> str:
    """A line of text held to the width it was measured with, whatever font the reader has."""
    return tag(
        "text",
        escaped(line.text),
        class_=name,
        x=x,
        y=y,
        textLength=max(line.width, 1),
        lengthAdjust="spacingAndGlyphs",
    )


def _row_texts(row: Row, x: float, y: float) -> Iterable[str]:
    for line in row.lines:
        leading = LEADING[line.tongue]
        if line.sign:
            at = f"translate({number(x)} {number(y + (leading - 10) / 2)})"
            yield tag("path", class_=f"sm-sign sm-sign-{line.sign}", d=_SIGNS[line.sign], transform=at)
        yield _text(line, x + line.indent, y + leading - 3.4, f"sm-{line.tongue}-text")
        y += leading


def _badge(text: str, middle: float, *, left: float | None = None, right: float = 0) -> Iterable[str]:
    """A small round badge around a number, on the line `middle`, beginning at `left` or else ending at `right`."""
    width = max(22.0, width_of(text, _BADGE_SIZE, 600) + 13)
    x = right - width if left is None else left
    yield tag("rect", x=x, y=middle - 9, width=width, height=18.0, rx=9.0)
    yield tag("text", escaped(text), x=x + width / 2, y=middle + 3.8)


def _glyph(change: Change | None, x: float, y: float) -> str:
    """What became of a state, as a sign in a disc on the corner of its box: never by colour alone."""
    if change is None:
        return ""
    disc = tag("circle", cx=x, cy=y, r=8.5)
    sign = tag("path", d=_SIGNS[change], transform=f"translate({number(x - 5)} {number(y - 5)})")
    return tag("g", disc, sign, class_="sm-glyph")


def _said(change: Change | None) -> str:
    return f", {change}" if change else ""


def _curve(curve: Curve) -> Iterable[str]:
    yield tag("path", class_="sm-edge", d=curve.path)
    if curve.head:
        yield tag("path", class_="sm-head", d=curve.head)


def _hit_and_curve(curve: Curve) -> str:
    """A line with a broad invisible one under it, for pointers."""
    return tag("path", class_="sm-hit", d=curve.path) + "".join(_curve(curve))


def _entities(count: int) -> str:
    return f"{count} {'entity' if count == 1 else 'entities'}"


def _short(count: int) -> str:
    """A count in at most five characters or so: 950, 9,412, 18.4k, 2.1M."""
    if count < 10_000:
        return f"{count:,}"
    return f"{count / 1e3:.1f}k" if count < 1_000_000 else f"{count / 1e6:.1f}M"


def _tooltip(arrow: Arrow) -> str:
    words = [arrow.words, arrow.label if arrow.label != arrow.words else "", arrow.description]
    words += [f"only if {arrow.guard}" if arrow.guard else "", f"by {', '.join(arrow.allow)}" if arrow.allow else ""]
    return "\n".join(word for word in words if word)
