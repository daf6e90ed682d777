"""Charts in SCXML without data, drawn at random: every kind of state, transition and target that ours has, too."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import quoteattr

from hypothesis import strategies as st

EVENTS = ("a", "b", "c")
RAISED = ("a", "x", "y")


class Sketch:
    """A state to be written, with the names of all that lies in it."""

    def __init__(self, id: str, kind: str, children: list[Sketch]) -> None:
        self.id = id
        self.kind = kind
        self.children = children

    @property
    def below(self) -> list[Sketch]:
        return [each for child in self.children for each in (child, *child.below)]


@st.composite
def charts(draw: Any) -> str:
    """The text of a chart."""
    numbers = iter(range(1_000))
    top = [_sketch(draw, 2, numbers) for _ in range(draw(st.integers(2, 3)))]
    root = Sketch("", "scxml", top)
    names = [each.id for each in root.below if each.kind != "history"]
    content = "".join(_written(draw, child, root, names) for child in top)
    first = draw(
        st.sampled_from([each.id for each in root.below if each.kind not in ("history", "final")] or [top[0].id])
    )
    return f'<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0" initial={quoteattr(first)}>{content}</scxml>'


def _sketch(draw: Any, depth: int, numbers: Any) -> Sketch:
    id = f"s{next(numbers)}"
    kind = draw(st.sampled_from(["atomic", "compound", "parallel", "compound"])) if depth else "atomic"
    if kind == "atomic":
        return Sketch(id, draw(st.sampled_from(["state", "state", "state", "final"])), [])
    children = [_sketch(draw, depth - 1, numbers) for _ in range(draw(st.integers(1 if kind == "compound" else 2, 3)))]
    if kind == "parallel":
        children = [each if each.kind != "final" else Sketch(each.id, "state", []) for each in children]
    if draw(st.booleans()):
        children.append(Sketch(f"h{next(numbers)}", "history", []))
    return Sketch(id, "parallel" if kind == "parallel" else "state", children)


def _written(draw: Any, sketch: Sketch, parent: Sketch, names: list[str]) -> str:
    if sketch.kind == "history":
        inside = [each.id for each in parent.below if each.kind != "history"]
        target = draw(st.sampled_from(inside))
        deep = draw(st.sampled_from(["shallow", "deep"]))
        return f'<history id="{sketch.id}" type="{deep}"><transition target="{target}"/></history>'
    inner = "".join(_written(draw, child, sketch, names) for child in sketch.children)
    ordinary = [each for each in sketch.children if each.kind != "history"]
    initial = ""
    if sketch.kind == "state" and ordinary and draw(st.booleans()):
        initial = f' initial="{draw(st.sampled_from([each.id for each in sketch.below if each.kind != "history"]))}"'
    blocks = "".join(
        f'<{block}><raise event="{draw(st.sampled_from(RAISED))}"/></{block}>'
        for block in ("onentry", "onexit")
        if draw(st.integers(0, 9)) == 9
    )
    if sketch.kind == "final":
        return f'<final id="{sketch.id}">{blocks}</final>'
    ways = "".join(_transition(draw, sketch, parent, names) for _ in range(draw(st.integers(0, 3))))
    return f'<{sketch.kind} id="{sketch.id}"{initial}>{blocks}{ways}{inner}</{sketch.kind}>'


def _transition(draw: Any, sketch: Sketch, parent: Sketch, names: list[str]) -> str:
    events = [*EVENTS, *EVENTS, *EVENTS, *RAISED, "*", "a b", ""]
    if sketch.children:
        events.append(f"done.state.{sketch.id}")
    event = draw(st.sampled_from(events))
    asked = draw(st.integers(0, 2)) == 0 or not event
    cond = f"{draw(st.sampled_from(['', '!']))}In('{draw(st.sampled_from(names))}')" if asked else ""
    histories = [each.id for each in parent.below if each.kind == "history"]
    target = draw(st.sampled_from([*names, *histories, *histories, *([] if not event else [""])]))
    parts = {
        "event": event,
        "cond": cond,
        "target": target,
        "type": "internal" if draw(st.integers(0, 3)) == 0 else "",
    }
    written = " ".join(f"{key}={quoteattr(value)}" for key, value in parts.items() if value)
    content = f'<raise event="{draw(st.sampled_from(RAISED))}"/>' if draw(st.integers(0, 9)) == 9 else ""
    return f"<transition {written}>{content}</transition>"
