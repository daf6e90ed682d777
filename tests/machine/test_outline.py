"""The exact reader of JSON: where values stand, and the faults that parsers let pass."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statewright.machine.faults import Fault, Spot, exact_fault, first_fault
from statewright.machine.outline import outline
from statewright.machine.problem import child

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(JSON, st.sampled_from([None, 2]))
def test_every_json_text_is_read_to_its_end(value: object, indent: int | None) -> None:
    text = json.dumps(value, indent=indent).encode()

    assert exact_fault(text) is None
    assert outline(text).nearest("") == ("", Spot(1, 1))


def test_members_are_found_at_their_keys_and_items_at_their_values() -> None:
    places = outline('{\n  "a": {"b/c": [1,\n "ü"], "~d": {}}\n}'.encode())

    assert places.nearest("/a") == ("/a", Spot(2, 3))
    assert places.nearest("/a/b~1c") == ("/a/b~1c", Spot(2, 9))
    assert places.nearest("/a/b~1c/1") == ("/a/b~1c/1", Spot(3, 2))
    assert places.nearest("/a/~0d") == ("/a/~0d", Spot(3, 8))


@pytest.mark.parametrize("pointer", ["/a/b/2", "/a/b/x", "/a/b/0/c", "/a/b/-1"])
def test_what_is_not_there_is_nearest_to_what_would_hold_it(pointer: str) -> None:
    places = outline(b'{"a": {"b": [1, []]}}')

    found, spot = places.nearest(pointer)

    assert pointer.startswith(found)
    assert found in ("/a/b", "/a/b/0")
    assert spot == places.nearest(found)[1]


@given(JSON, st.sampled_from([None, 2]))
def test_every_value_is_found_where_it_stands(value: object, indent: int | None) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    places = outline(text.encode())

    for pointer, expected, member in _values(value, ""):
        found, spot = places.nearest(pointer)
        rest = text.split("\n", spot.line - 1)[-1][spot.column - 1 :]
        assert found == pointer
        if member is not None:
            key, end = json.JSONDecoder().raw_decode(rest)
            assert key == member
            rest = rest[end:].lstrip().removeprefix(":").lstrip()
        assert json.JSONDecoder().raw_decode(rest)[0] == expected


def _values(value: object, pointer: str) -> Iterator[tuple[str, object, str | None]]:
    """Every value inside of `value`: its pointer, itself, and the key when it is an object's member."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield child(pointer, key), item, key
            yield from _values(item, child(pointer, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield child(pointer, index), item, None
            yield from _values(item, child(pointer, index))


PIECES = [b'"a"', b'"b"', b":", b",", b"{", b"}", b"[", b"]", b"1", b"-", b".5", b"e9", b"true", b"null", b" ", b"\n",
          b'"\\u0061"', b'"\\ud800"', b'"\xff"', b'"\xc3\xa9"', b"9007199254740993", b"-9007199254740992", b"1e400",
          b"NaN", b"\\", b'"', b"\x00", b'{"a":1,"a":2}', b'{"a":{"b":1}}', b"[[[[[[[[", b"]]]]]]]]",
          b"\xef\xbb\xbf"]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map(b"".join))
def test_the_quick_look_finds_what_the_exact_reader_finds(text: bytes) -> None:
    quick, exact = first_fault(text), exact_fault(text)

    assert str(quick) == str(exact)


@pytest.mark.parametrize(
    ("text", "sentence", "spot"),
    [
        (b'{"a": 1,\n "a": 2}', "the key 'a' comes twice", Spot(2, 2)),
        (b'{"a": {"b": 1, "\\u0062": 2}}', "the key 'b' comes twice", Spot(1, 16)),
        (b'{"a": "\xff"}', "byte 7 is not UTF-8", Spot(1, 8)),
        (b'{"a": "\\ud800"}', "the string holds half of a surrogate pair", Spot(1, 7)),
        (b'{"a": 9007199254740992}', "the number is too large to be held exactly; send it as text", Spot(1, 7)),
        (b'{"a": 1e400}', "the number is too large", Spot(1, 7)),
        (b'{"a": NaN}', "a JSON value is expected here", Spot(1, 7)),
        (b'{"a": 01}', "a comma or a closing brace is expected here", Spot(1, 8)),
        (b'{"a": 1} x', "there is more after the end of the JSON value", Spot(1, 10)),
        (b'{"a": "', "unterminated string starting", Spot(1, 7)),
        (b"{a: 1}", "a key in double quotes is expected here", Spot(1, 2)),
        (b"", "the text ends too early", Spot(1, 1)),
        (b"\xef\xbb\xbf{}", "the text begins with a byte order mark; send it without", Spot(1, 1)),
        (b"[" * 100_000, "the JSON nests deeper than 64", Spot(1, 65)),
    ],
)
def test_a_fault_is_named_with_its_place(text: bytes, sentence: str, spot: Spot) -> None:
    with pytest.raises(Fault) as caught:
        outline(text)

    assert caught.value.sentence == sentence
    assert caught.value.spot == spot


def test_64_levels_are_not_too_deep() -> None:
    outline(b"[" * 64 + b"]" * 64)
