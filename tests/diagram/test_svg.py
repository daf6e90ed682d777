"""The diagram through its front door: one SVG, the same places whatever is painted over it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from statewright.diagram import Walk, svg_now, svg_of
from statewright.diagram.graphviz_process import GraphvizProcess, LayoutFailed
from statewright.diagram.marks import Marks
from statewright.diagram.paint import Setting
from statewright.diagram.svg import WINDOW, Diagrams
from statewright.machine.definition import Definition
from tests.diagram.drawn import ALL, HARM, HOSTILE, NESTED, ORDER, definition

SVG = "{http://www.w3.org/2000/svg}"


def drawn(of: Definition, **marks: Any) -> ElementTree.Element:
    return ElementTree.fromstring(svg_now(of, **marks))


def by_id(svg: ElementTree.Element, id: str) -> ElementTree.Element:
    return next(item for item in svg.iter() if item.get("id") == id)


def classes(svg: ElementTree.Element, id: str) -> set[str]:
    return set((by_id(svg, id).get("class") or "").split())


def texts(item: ElementTree.Element) -> list[str]:
    return [text.text or "" for text in item.iter(f"{SVG}text")]


def places(svg: str) -> list[str]:
    """Everything that says where something is."""
    return re.findall(r'translate\([^)]*\)| d="[^"]*"|viewBox="[^"]*"', svg)


@pytest.mark.parametrize("standalone", [True, False])
@pytest.mark.parametrize("name", ALL)
def test_every_state_and_every_transition_has_its_element(name: str, standalone: bool):
    svg = drawn(ALL[name], standalone=standalone)

    states = [item.get("data-state") for item in svg.iter() if item.get("data-state") is not None]
    ids = [item.get("id") for item in svg.iter() if item.get("id")]
    assert set(ALL[name].states) <= set(states)
    assert len(ids) == len(set(ids))


def test_what_users_wrote_is_never_markup():
    for standalone in (True, False):
        svg = drawn(HOSTILE, standalone=standalone)

        assert not list(svg.iter(f"{SVG}script"))
        assert HARM in " ".join(svg.itertext())


def test_marks_never_move_anything():
    moves = [Walk(("draft",), "SUBMIT", ("review",)), Walk(("review",), "APPROVE", ("paid",))]
    bare = svg_now(ORDER, "digest")

    marked = svg_now(
        ORDER, "digest", counts={"paid": 3}, heat={"paid": 0.5}, current=("paid",), walked=moves, selected="paid"
    )

    assert places(marked) == places(bare)


def test_a_count_is_a_badge_and_is_spoken():
    svg = drawn(ORDER, counts={"paid": 18403})

    assert texts(by_id(svg, "c-paid")) == ["18.4k"]
    assert by_id(svg, "s-paid").get("aria-label") == "Paid, atomic state, 18403 entities"
    assert texts(by_id(svg, "c-draft")) == []


def test_heat_is_a_custom_property_of_its_state():
    svg = drawn(ORDER, heat={"paid": 0.5})

    assert "--heat:0.50" in (by_id(svg, "s-paid").get("style") or "")
    assert "has-heat" in classes(svg, "s-paid")
    assert "has-heat" not in classes(svg, "s-draft")


def test_where_an_entity_stands_is_marked_with_all_that_holds_it():
    svg = drawn(NESTED, current=("work.left.a", "work.right.c"))

    assert "is-current" in classes(svg, "s-work.left.a")
    assert "is-current" in classes(svg, "s-work.left")
    assert "is-current" not in classes(svg, "s-draft")


def test_the_path_walked_is_marked_and_repeats_are_counted():
    svg = drawn(ORDER, walked=[Walk(("draft",), "EDIT", ("draft",)), Walk(("draft",), "EDIT", ("draft",))])

    assert "is-walked" in classes(svg, "t-draft--EDIT-0")
    assert "×2" in texts(by_id(svg, "t-draft--EDIT-0"))
    assert "is-walked" not in classes(svg, "t-draft--SUBMIT-0")


def test_only_the_line_that_was_walked_is_marked_where_lines_are_joined():
    svg = drawn(ORDER, walked=[Walk(("paid",), "WITHDRAW", ("cancelled",))])

    assert "is-walked" in classes(svg, "t-paid--WITHDRAW-0")
    assert "is-walked" not in classes(svg, "t-review--WITHDRAW-0")


def test_traffic_is_a_number_and_a_share_of_the_busiest():
    svg = drawn(ORDER, traffic=[Walk(("paid",), "SHIP", ("shipped",), 200), Walk(("draft",), "SUBMIT", ("paid",), 50)])

    assert by_id(svg, "t-paid--SHIP-0").get("style") == "--heat:1.00"
    assert by_id(svg, "t-draft--SUBMIT-0").get("style") == "--heat:0.25"
    assert "200" in texts(by_id(svg, "t-paid--SHIP-0"))


@pytest.mark.parametrize("selected", ["paid", "draft--SUBMIT-1"])
def test_what_is_selected_is_marked(selected: str):
    svg = drawn(ORDER, selected=selected)

    marked = [item.get("id") for item in svg.iter() if "is-selected" in (item.get("class") or "")]
    assert marked in (["s-paid"], ["t-draft--SUBMIT-1"])


def test_a_transition_is_spoken_in_whole():
    label = by_id(drawn(ORDER), "t-draft--SUBMIT-0").get("aria-label")

    assert label == "SUBMIT: Draft to Paid, only if within_limit, by customer, clerk"


def test_without_addresses_states_and_transitions_are_buttons_for_a_script():
    svg = drawn(ORDER)

    for id in ("s-paid", "t-paid--SHIP-0"):
        assert (by_id(svg, id).get("role"), by_id(svg, id).get("tabindex")) == ("button", "0")


def test_with_addresses_they_are_links():
    svg = drawn(definition(states={"a b": {"on": {"X": "c"}}, "c": {}}), links="?selected=")

    assert by_id(svg, "s-a%20b").tag == f"{SVG}a"
    assert by_id(svg, "s-a%20b").get("href") == "?selected=a%20b"


def test_standing_alone_it_brings_its_style_for_light_and_dark_and_asks_for_nothing():
    text = svg_now(ORDER, standalone=True)

    assert "prefers-color-scheme: dark" in text
    assert not re.search(r"\b(href|src|@import|url\()", text)
    assert not re.search(r"tabindex|role=.button|var\(|color-mix|light-dark", text)


async def test_the_loop_gets_the_same_picture():
    assert await svg_of(ORDER, "digest") == svg_now(ORDER, "digest")


class Counting(GraphvizProcess):
    """Counts the graphs it is asked for."""

    asked = 0

    def lay_out(self, dot: str) -> dict[str, Any]:
        self.asked += 1
        return super().lay_out(dot)


@pytest.fixture
def counting() -> Iterator[tuple[Diagrams, Counting]]:
    process = Counting(limit_s=20)
    diagrams = Diagrams(keep=2, process=process)
    yield diagrams, process
    diagrams.close()


def test_a_definition_is_laid_out_once(counting: tuple[Diagrams, Counting]):
    diagrams, process = counting
    small = definition(states={"a": {}})
    for counts in ({}, {"a": 1}, {"a": 2}):
        diagrams.svg_now(small, "one", Marks(counts=counts), Setting(), WINDOW)

    assert process.asked == 1


def test_only_so_many_layouts_are_kept(counting: tuple[Diagrams, Counting]):
    diagrams, process = counting
    small = definition(states={"a": {}})
    for digest in ("one", "two", "three", "one"):
        diagrams.svg_now(small, digest, Marks(), Setting(), WINDOW)

    assert process.asked == 4


def test_what_would_shrink_much_across_is_drawn_downwards():
    chain = {f"state{n}": {"on": {"GO_ON_TO_THE_NEXT": f"state{n + 1}"}} for n in range(6)} | {"state6": {}}

    assert drawn(definition(states=chain)).get("data-direction") == "TB"
    assert drawn(definition(states=chain), window=(5000, 900)).get("data-direction") == "LR"


def test_where_graphviz_hangs_a_plain_list_is_drawn(tmp_path: Path):
    worker = tmp_path / "hung.py"
    worker.write_text("import time\ntime.sleep(60)\n")
    diagrams = Diagrams(process=GraphvizProcess(limit_s=0.3, worker=worker))

    svg = ElementTree.fromstring(diagrams.svg_now(ORDER, "digest", Marks(), Setting(), WINDOW))

    assert by_id(svg, "s-paid") is not None
    assert [item for item in svg.iter() if "sm-chip" in (item.get("class") or "")]
    diagrams.close()


def test_a_plain_list_is_kept_for_a_while_and_then_tried_again():
    class Failing(Counting):
        def lay_out(self, dot: str) -> dict[str, Any]:
            self.asked += 1
            raise LayoutFailed("too busy just now")

    for again_s, asked in ((60, 1), (-1, 2)):
        process = Failing()
        diagrams = Diagrams(again_s=again_s, process=process)
        for _ in range(2):
            diagrams.svg_now(ORDER, "digest", Marks(), Setting(), WINDOW)

        assert process.asked == asked
        diagrams.close()


def test_where_graphviz_cannot_be_started_a_plain_list_is_drawn():
    class Absent(GraphvizProcess):
        def lay_out(self, dot: str) -> dict[str, Any]:
            raise LayoutFailed("there is no such program here")

    diagrams = Diagrams(process=Absent())

    assert "sm-chip" in diagrams.svg_now(ORDER, "", Marks(), Setting(), WINDOW)
    diagrams.close()
