"""Whatever is sent to be imported: a document of ours comes of it, or a sentence that says why not, and where."""

from __future__ import annotations

import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from statewright.formats.notes import Unreadable
from statewright.formats.scxml.reading import read_scxml
from statewright.formats.xstate.reading import read_xstate

_KEYS = [
    "id", "initial", "states", "on", "always", "after", "type", "target", "guard", "cond", "actions", "entry",
    "exit", "invoke", "src", "onDone", "onError", "context", "schemas", "events", "guards", "delays", "meta",
    "statewright", "language", "history", "tags", "description", "label", "event", "params", "in", "internal",
    "reenter", "choice", "timeout", "onTimeout", "activities", "@expr", "@code", "delimiter", "a", "b", "",
    "done.state.a", "a.*", "done.invoke.a", "xstate.after.1000.a", "1000", "input", "version", "key", "machine",
    "afterKeys",
]  # fmt: skip
_WORDS = [
    "a", "b", "#a", ".b", "", "parallel", "final", "history", "deep", "xstate.raise", "xstate.assign",
    "xstate.and", "@xstate.emit", "context.x", "a.b", "PT1S", "*", "😀",
]  # fmt: skip
_WORDS.append("a" * 300)
_LEAVES = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), st.floats(allow_nan=False), st.sampled_from(_WORDS))
_ANYTHING = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(_KEYS), inner, min_size=1, max_size=4)
    ),
    max_leaves=25,
)


@given(st.dictionaries(st.sampled_from(_KEYS), _ANYTHING, max_size=6), _ANYTHING)
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_json_becomes_a_document_or_is_refused(machine: dict[str, Any], states: Any) -> None:
    text = orjson.dumps({**machine, "states": {"a": states, "b": machine}})
    with contextlib.suppress(Unreadable):
        assert "states" in read_xstate(text).document


_NAMES = ["scxml", "state", "parallel", "final", "history", "transition", "onentry", "onexit", "raise", "send", "log",
          "assign", "initial", "invoke", "datamodel", "data", "param", "if", "other"]  # fmt: skip
_ATTRIBUTES = st.dictionaries(
    st.sampled_from(["id", "target", "event", "cond", "initial", "type", "delay", "expr", "location", "src", "name"]),
    st.sampled_from(
        ["a", "b", "a b", "*", "a.*", "done.state.a", "In('a')", "x > 1", "1s", "'1s'", "internal", "deep", "1 +"]
    ),
    max_size=3,
)
_ELEMENTS = st.recursive(
    st.tuples(st.sampled_from(_NAMES), _ATTRIBUTES, st.just([])),
    lambda inner: st.tuples(st.sampled_from(_NAMES), _ATTRIBUTES, st.lists(inner, max_size=4)),
    max_leaves=25,
)


def _xml(element: tuple[str, dict[str, str], list[Any]]) -> str:
    name, attributes, children = element
    written = "".join(f' {key}="{value.replace("<", "&lt;")}"' for key, value in attributes.items())
    return f"<{name}{written}>{''.join(map(_xml, children))}</{name}>"


@given(st.lists(_ELEMENTS, max_size=5))
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_elements_become_a_document(elements: list[Any]) -> None:
    text = f'<scxml xmlns="http://www.w3.org/2005/07/scxml" version="1.0">{"".join(map(_xml, elements))}</scxml>'

    assert "states" in read_scxml(text.encode()).document


_LAUGHS = """<?xml version="1.0"?>
<!DOCTYPE scxml [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<scxml xmlns="http://www.w3.org/2005/07/scxml"><state id="&b;"/></scxml>"""
_OUTSIDE = '<!DOCTYPE scxml [<!ENTITY x SYSTEM "file:///etc/passwd">]><scxml><state id="a">&x;</state></scxml>'
_BARE = '<!DOCTYPE scxml SYSTEM "http://127.0.0.1/scxml.dtd"><scxml/>'
_DEEP = "<scxml>" + "<state>" * 5_000 + "</state>" * 5_000 + "</scxml>"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (_LAUGHS, "a document type or an entity is declared"),
        (_OUTSIDE, "a document type or an entity is declared"),
        (_BARE, "a document type or an entity is declared"),
        (_DEEP, "elements nest deeper than 100"),
        ("<scxml><state id='a'></scxml>", "this is no XML"),
        ("<scxml>&nothing;</scxml>", "this is no XML"),
        ("<html/>", "the root element is <html>"),
        ("", "this is no XML"),
        ("<scxml>" + "<state/>" * 11_000 + "</scxml>", "more than 10,000 states"),
        (" " * 3_000_000, "at most"),
        ('<?xml version="1.0" encoding="utf-7"?><scxml/>', "this is no XML"),
    ],
)
def test_hostile_xml_is_refused_with_its_place(text: str, said: str) -> None:
    with pytest.raises(Unreadable, match=said) as refused:
        read_scxml(text.encode())

    assert refused.value.line >= 1


def test_the_place_of_a_declaration_is_told() -> None:
    with pytest.raises(Unreadable) as refused:
        read_scxml(_LAUGHS.encode())

    assert refused.value.line == 2


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b'{"states": {"a": {}, "a": {}}}', "comes twice"),
        (b"[" * 1_000, "nests deeper than 64"),
        (b"createMachine({ id: 'x' })", "JSON.stringify"),
        (b"7", "an object is expected"),
        (b'{"name": "x"}', "this object is no machine"),
        (b"\xff", "not UTF-8"),
        (b'{"states": {' + b",".join(b'"s%d": {}' % number for number in range(11_000)) + b"}}", "more than 10,000"),
    ],
)
def test_json_that_is_no_machine_is_refused_with_its_place(text: bytes, said: str) -> None:
    with pytest.raises(Unreadable, match=said):
        read_xstate(text)


def test_thousands_of_states_that_wish_for_one_name_all_get_one() -> None:
    states = {f"{'!' * 120}{number}": {} for number in range(3_000)}
    found = read_xstate(orjson.dumps({"initial": "x", "states": states}))

    assert len(found.document["states"]) == len(states)
