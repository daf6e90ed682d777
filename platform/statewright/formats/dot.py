"""A definition as DOT, for Graphviz and whatever else reads it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import graphviz

from statewright.formats.words import arrow_words, plain
from statewright.machine.chart import ROOT, Arrow, Box, Chart, chart_of
from statewright.machine.definition import Definition

_ANY = "*"
_START = "^"
_ENTITY = re.compile(r"&(?=#?\w+;)")
_SHAPES = {
    "final": {"peripheries": "2"},
    "history": {"shape": "circle"},
    "missing": {"style": "dashed", "color": "red"},
}


def dot_of(definition: Definition) -> str:
    """The definition as a directed graph in DOT, laid out from left to right: states are nodes named by their paths
    (a colon in one written `&#58;`), `*` is any state, `?…` a target that does not exist.

    Composite states are clusters; what leaves or enters one is drawn to its first state and cut at its border.
    Entry, exit, patches and schemas have no place in DOT.
    """
    return _Dot(chart_of(definition), definition.id).text()


class _Dot:
    def __init__(self, chart: Chart, name: str) -> None:
        self.chart = chart
        self.dot = graphviz.Digraph(
            name,
            graph_attr={"rankdir": "LR", "compound": "true", "label": _label(chart.label)},
            node_attr={"shape": "box", "style": "rounded"},
        )

    def text(self) -> str:
        self.inside(self.dot, ROOT, self.chart.roots, self.chart.initial)
        if any(arrow.source == ROOT for arrow in self.chart.arrows):
            self.dot.node(_ANY, label="any state", style="dashed")
        for arrow in self.chart.arrows:
            for target in arrow.targets or (arrow.source,):
                self.edge(arrow, target)
        return str(self.dot.source)

    def inside(self, dot: graphviz.Digraph, path: str, boxes: Sequence[Box], initial: str | None) -> None:
        if initial is not None:
            start = _name(_START + path)
            dot.node(start, label="", shape="point", width="0.15")
            dot.edge(start, self.leaf(initial), **self.clip("lhead", initial))
        for box in boxes:
            self.box(dot, box)

    def box(self, dot: graphviz.Digraph, box: Box) -> None:
        if not box.composite:
            dot.node(_name(box.path), label=_label(box.label), **_SHAPES.get(box.kind, {}))
            return
        style = "dashed" if box.kind == "parallel" else "rounded"
        with dot.subgraph(name=_cluster(box.path)) as cluster:
            cluster.attr(label=_label(box.label), style=style)
            self.inside(cluster, box.path, [self.chart.boxes[child] for child in box.children], box.initial)

    def edge(self, arrow: Arrow, target: str) -> None:
        source = _ANY if arrow.source == ROOT else self.leaf(arrow.source)
        to = _ANY if target == ROOT else self.leaf(target)
        style = {"style": "dashed"} if arrow.kind == "after" else {}
        clips = self.clip("ltail", arrow.source) | self.clip("lhead", target)
        self.dot.edge(source, to, label=_label(arrow_words(arrow)), **style, **clips)

    def leaf(self, path: str) -> str:
        """The node that stands for a composite, which as a cluster can have no edges: its first leaf."""
        while self.chart.boxes[path].composite:
            path = self.chart.boxes[path].initial or self.chart.boxes[path].children[0]
        return _name(path)

    def clip(self, side: str, path: str) -> dict[str, str]:
        composite = path != ROOT and self.chart.boxes[path].composite
        return {side: _cluster(path)} if composite else {}


def _cluster(path: str) -> str:
    return _name(f"cluster_{path}")


def _name(path: str) -> str:
    """A path as a node's name. The `graphviz` package would take a colon in an edge for the mark of a port."""
    return path.replace("\\", "\\\\").replace(":", "&#58;")


def _label(text: str) -> str:
    """Text to be read as it stands: backslashes, angle brackets and what looks like an entity mean nothing in it."""
    escaped: str = graphviz.escape(_ENTITY.sub("&amp;", plain(text)))  # its own kind of str: keep it
    return escaped
