"""SCXML as our documents: what the W3C's words mean in ours, and what is said of the rest."""

from __future__ import annotations

from typing import Any

from statewright.formats.notes import Imported
from statewright.formats.scxml.reading import read_scxml


def read(inside: str, **attributes: str) -> Imported:
    written = "".join(f' {key}="{value}"' for key, value in attributes.items())
    found = read_scxml(f'<scxml xmlns="http://www.w3.org/2005/07/scxml" name="m"{written}>{inside}</scxml>'.encode())
    assert not found.reading.malformed, found.reading.problems
    return found


def state(inside: str, name: str = "a", more: str = '<state id="b"/><state id="c"/>') -> dict[str, Any]:
    found: dict[str, Any] = read(f'<state id="a">{inside}</state>{more}').document["states"][name]
    return found


def test_a_transition_without_type_leaves_its_state() -> None:
    inner = '<state id="x"/>'

    assert state(f'<transition event="E" target="a"/>{inner}')["on"]["E"] == {"target": "a", "reenter": True}
    assert state(f'<transition event="E" target="x"/>{inner}')["on"]["E"] == {"target": ".x", "reenter": True}
    assert state(f'<transition event="E" type="internal" target="x"/>{inner}')["on"]["E"] == ".x"
    assert state('<transition event="E" target="b"/>')["on"]["E"] == "b"


def test_descriptors_are_prefixes_by_tokens() -> None:
    assert list(state('<transition event="a.b x.* *" target="b"/>')["on"]) == ["a.b", "a.b.*", "x", "x.*", "*"]


def test_a_wider_descriptor_that_stands_first_is_taken_first() -> None:
    on = state('<transition event="*" cond="In(\'b\')" target="b"/><transition event="E" target="c"/>')["on"]

    assert on["E"] == [{"target": "b", "guard": {"@expr": "in_state('b')"}}, "c"]


def test_done_of_the_state_itself_is_on_done() -> None:
    assert state('<transition event="done.state.a" target="b"/><state id="x"/>')["onDone"] == "b"


def test_conditions_over_the_data_are_carried_and_others_are_to_be_filled_in() -> None:
    found = read(
        '<datamodel><data id="n" expr="1"/></datamodel><state id="a">'
        '<transition event="E" cond="n &gt;= 3 &amp;&amp; _event.data.k === \'x\'" target="a"/>'
        '<transition event="F" cond="compute(n)" target="a"/></state>'
    )

    on = found.document["states"]["a"]["on"]
    assert on["E"]["guard"] == {"@expr": "context.n >= 3 && event.k == 'x'"}
    assert on["F"]["guard"] == "guard_1"
    assert found.document["guards"] == {"guard_1": {"when": None}}
    assert found.document["context"] == {"n": 1}


def test_what_is_sent_later_is_a_timer_of_the_state_that_waits_for_it() -> None:
    found = read('<state id="a"><onentry><send event="late" delay="1.5s"/></onentry>'
        '<transition event="late" target="b"/></state>'
                 '<state id="b"/>')  # fmt: skip

    assert found.document["states"]["a"]["after"] == {
        "PT1.5S": {"actions": {"type": "raise", "event": {"type": "late"}}}
    }


def test_a_timer_that_outlives_its_state_stands_where_all_wait_for_it() -> None:
    found = read('<state id="a"><onentry><send event="late" delay="1s"/></onentry>'
        '<transition event="E" target="b"/></state>'
                 '<state id="b"><transition event="late" target="c"/></state><final id="c"/>')  # fmt: skip

    assert list(found.document["after"]) == ["PT1S"]
    assert "after" not in found.document["states"]["a"]


def test_a_timer_that_cannot_outlive_its_state_here_is_told() -> None:
    found = read('<state id="a"><transition event="E" target="b"/></state>'
                 '<state id="b"><onentry><send event="late" delay="1s"/></onentry><transition event="late" target="c"/>'
                 '<transition event="BACK" target="a"/></state><final id="c"/>')  # fmt: skip

    assert list(found.document["states"]["b"]["after"]) == ["PT1S"]
    assert any("as if it were cancelled on exit" in note.sentence for note in found.notes)


def test_what_has_no_place_is_told_with_the_element_and_its_line() -> None:
    found = read('<state id="a">\n<onentry><script>x()</script><if cond="y"/></onentry></state>')

    assert [(note.severity, note.pointer, note.line) for note in found.notes] == [
        ("lost", "/scxml/state[1]/onentry[1]/script[1]", 2),
        ("lost", "/scxml/state[1]/onentry[1]/if[1]", 2),
    ]


def test_an_invocation_becomes_a_request_and_answers() -> None:
    found = state('<invoke id="pay" src="pay.scxml"/><transition event="done.invoke.pay" target="b"/>')

    assert found["entry"] == [{"type": "emit", "event": {"type": "pay.requested"}}]
    assert found["on"] == {"pay.succeeded": "b"}


def test_history_and_targets_in_several_regions_are_carried() -> None:
    found = read(
        '<state id="a"><transition event="E" target="x1 y1"/><transition event="H" target="h"/></state>'
        '<parallel id="p"><history id="h" type="deep"><transition target="x1"/></history>'
        '<state id="x"><state id="x0"/><state id="x1"/></state><state id="y"><state id="y0"/>'
        '<state id="y1"/></state></parallel>'
    ).document["states"]

    assert found["a"]["on"]["E"] == {"target": ["#m.p.x.x1", "#m.p.y.y1"]}
    assert found["p"]["states"]["h"] == {"type": "history", "target": "#m.p.x.x1", "history": "deep"}
    assert found["p"]["states"]["x"]["initial"] == "x0"
