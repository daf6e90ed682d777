"""DOT text that Graphviz reads as it was meant."""

from __future__ import annotations

import pygraphviz
import pytest

from statewright.formats.dot import dot_of
from statewright.machine.definition import Definition
from tests.diagram.drawn import ALL, HARM, HOSTILE, NESTED, ORDER, definition


def read(of: Definition) -> pygraphviz.AGraph:
    return pygraphviz.AGraph(string=dot_of(of))


@pytest.mark.parametrize("name", ALL)
def test_graphviz_reads_what_is_written(name: str):
    assert read(ALL[name]).draw(format="plain", prog="dot")


def test_states_are_nodes_and_branches_edges():
    graph = read(ORDER)

    assert {"draft", "review", "paid", "shipped", "cancelled"} <= set(graph.nodes())
    assert graph.get_node("review").attr["label"] == "Credit review"
    assert ("draft", "paid", "SUBMIT [within_limit] by customer, clerk") in [
        (*edge, edge.attr["label"]) for edge in graph.edges()
    ]


def test_final_states_have_a_double_border():
    graph = read(ORDER)

    assert graph.get_node("shipped").attr["peripheries"] == "2"


def test_transitions_of_the_definition_itself_begin_at_any_state():
    graph = read(ORDER)

    assert graph.get_node("*").attr["label"] == "any state"
    assert graph.has_edge("*", "cancelled")


def test_a_colon_in_a_name_is_no_port():
    graph = read(HOSTILE)

    assert "a (b)&#58; c/d" in graph.nodes()
    assert graph.has_edge("a (b)&#58; c/d", "Überprüfung")


def test_labels_are_text_whatever_they_look_like():
    graph = read(definition(states={"a": {"label": "<b>bold</b> \\N \\l &lt; " + HARM}}))

    assert graph.get_node("a").attr["label"] == "<b>bold</b> \\\\N \\\\l &amp;lt; " + HARM.replace("&amp;", "&amp;amp;")


def test_composite_states_are_clusters():
    graph = read(NESTED)

    outer = graph.get_subgraph("cluster_work")
    assert outer.get_subgraph("cluster_work.left").has_node("work.left.a")
    assert graph.get_edge("draft", "work.left.a").attr["lhead"] == "cluster_work"
