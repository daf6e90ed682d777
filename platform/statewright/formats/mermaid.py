"""A definition as Mermaid text (`stateDiagram-v2`), which code hosts and wikis draw where they find it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from statewright.formats.words import arrow_words, ids_of, plain
from statewright.machine.chart import ROOT, Box, Chart, chart_of
from statewright.machine.definition import Definition

_SPECIAL = re.compile(r"[^\w \-.,()/\[\]!'+*=?|]")
_RESERVED = frozenset(
    (
        "state",
        "note",
        "end",
        "direction",
        "class",
        "classdef",
        "style",
        "scale",
        "hide",
        "as",
        "click",
        "default",
        "root",
    )
)
_ANY = "any_state"


def mermaid_of(definition: Definition) -> str:
    """The definition as a Mermaid state diagram, ending in a line end.

    States keep their names as ids as far as Mermaid allows, and their labels beside them. What Mermaid has no sign
    for (guards, roles, what keeps the state) is written on the arrow; patches and schemas are left out.
    """
    return _Mermaid(chart_of(definition)).text()


class _Mermaid:
    def __init__(self, chart: Chart) -> None:
        self.chart = chart
        self.ids = ids_of(chart, _RESERVED, _ANY)

    def text(self) -> str:
        return "\n".join(["stateDiagram-v2", *self.lines(), ""])

    def lines(self) -> Iterator[str]:
        yield "    direction LR"
        yield from self.inside(self.chart.roots, self.chart.initial, self.chart.parallel, "    ")
        if any(arrow.source == ROOT for arrow in self.chart.arrows):
            yield f'    state "Any state" as {_ANY}'
        for arrow in self.chart.arrows:
            for target in arrow.targets or (arrow.source,):
                yield f"    {self.ids[arrow.source]} --> {self.ids[target]} : {_escaped(arrow_words(arrow))}"
        for box in self.chart.boxes.values():
            if box.kind == "final" and box.parent == ROOT:
                yield f"    {self.ids[box.path]} --> [*]"

    def inside(self, boxes: Sequence[Box], initial: str | None, parallel: bool, indent: str) -> Iterator[str]:
        if initial is not None:
            yield f"{indent}[*] --> {self.ids[initial]}"
        for number, box in enumerate(boxes):
            if parallel and number:
                yield f"{indent}--"
            yield from self.box(box, indent)

    def box(self, box: Box, indent: str) -> Iterator[str]:
        name = self.ids[box.path]
        yield f'{indent}state "{_escaped(box.label)}" as {name}'
        if box.composite:
            children = [self.chart.boxes[child] for child in box.children]
            yield f"{indent}state {name} {{"
            yield from self.inside(children, box.initial, box.kind == "parallel", indent + "    ")
            yield from (f"{indent}    {self.ids[child.path]} --> [*]" for child in children if child.kind == "final")
            yield f"{indent}}}"


def _escaped(text: str) -> str:
    """Text without the signs that mean something to Mermaid; they are written by number, as in `#58;` for a colon."""
    return _SPECIAL.sub(lambda sign: f"#{ord(sign.group())};", plain(text)) or " "
