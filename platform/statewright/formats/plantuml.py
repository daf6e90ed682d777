"""A definition as PlantUML text, a state diagram between `@startuml` and `@enduml`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from statewright.formats.words import arrow_words, ids_of, plain
from statewright.machine.chart import ROOT, Arrow, Box, Chart, chart_of
from statewright.machine.definition import Definition

_SPECIAL = re.compile(r"[^\w \-.,()/\[\]'+*=?!|]|(?<=([-*/_=.]))\1|^[-*=.|]")
_RESERVED = frozenset(("state", "note", "end", "hide", "scale", "skinparam", "title", "as", "left", "right", "top",
                       "bottom", "legend", "json", "start", "stop", "frame", "show", "header", "footer"))  # fmt: skip
_ANY = "any_state"


def plantuml_of(definition: Definition) -> str:
    """The definition as a PlantUML state diagram, ending in a line end.

    States keep their names as ids as far as PlantUML allows, and their labels beside them. Guards and roles are
    written on the arrow; patches and schemas are left out.
    """
    return _PlantUml(chart_of(definition)).text()


class _PlantUml:
    def __init__(self, chart: Chart) -> None:
        self.chart = chart
        self.ids = ids_of(chart, _RESERVED, _ANY)

    def text(self) -> str:
        return "\n".join(["@startuml", *self.lines(), "@enduml", ""])

    def lines(self) -> Iterator[str]:
        yield f"title {_escaped(self.chart.label)}"
        yield "hide empty description"
        yield "left to right direction"
        yield from self.inside(self.chart.roots, self.chart.initial, self.chart.parallel, "")
        if any(arrow.source == ROOT for arrow in self.chart.arrows):
            yield f'state "Any state" as {_ANY}'
        for arrow in self.chart.arrows:
            line = "-[dashed]->" if arrow.kind == "after" else "-->"
            for target in arrow.targets or (arrow.source,):
                yield self.arrow(arrow, line, target)

    def arrow(self, arrow: Arrow, line: str, target: str) -> str:
        """PlantUML lets no arrow cross the border of a region: such a one ends at the parallel state and says where."""
        source, to = self.lifted(arrow.source, target), self.lifted(target, arrow.source)
        words = arrow_words(arrow)
        if source != arrow.source:
            words = f"{words} (from {self.chart.boxes[arrow.source].label})"
        if to != target:
            words = f"{words} (to {self.chart.boxes[target].label})"
        return f"{self.ids[source]} {line} {self.ids[to]} : {_escaped(words)}"

    def lifted(self, path: str, other: str) -> str:
        """`path`, or the outermost parallel state of which it lies in a region that `other` does not lie in."""
        seen = self.chart.line_up(other)
        found, inner = path, path
        for outer in self.chart.line_up(path)[1:]:
            parallel = self.chart.parallel if outer == ROOT else self.chart.boxes[outer].kind == "parallel"
            if parallel and inner not in seen:
                found = outer
            inner = outer
        return found

    def inside(self, boxes: Sequence[Box], initial: str | None, parallel: bool, indent: str) -> Iterator[str]:
        if initial is not None:
            yield f"{indent}[*] --> {self.ids[initial]}"
        for number, box in enumerate(boxes):
            if parallel and number:
                yield f"{indent}--"
            yield from self.box(box, indent)
        yield from (f"{indent}{self.ids[box.path]} --> [*]" for box in boxes if box.kind == "final")

    def box(self, box: Box, indent: str) -> Iterator[str]:
        opening = f'{indent}state "{_escaped(box.label)}" as {self.ids[box.path]}'
        if box.kind == "history":
            yield f"{opening} <<{'history*' if box.label == 'H*' else 'history'}>>"
        elif not box.composite:
            yield opening
        else:
            yield f"{opening} {{"
            children = [self.chart.boxes[child] for child in box.children]
            yield from self.inside(children, box.initial, box.kind == "parallel", indent + "  ")
            yield f"{indent}}}"


def _escaped(text: str) -> str:
    """Text in which nothing means anything to PlantUML; its signs are written by number, as in `<U+0022>`."""
    return _SPECIAL.sub(lambda sign: f"<U+{ord(sign.group()):04X}>", plain(text)) or " "
