"""The exact reader of JSON: where values stand, and the faults that parsers let pass."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statewright.machine.outline import Fault, Spot, outline

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(JSON, st.sampled_from([None, 2]))
def test_every_json_text_is_read_to_its_end(value: object, indent: int | None) -> None:
    assert outline(json.dumps(value, indent=indent).encode()).spots[""] == Spot(1, 1)


def test_members_are_found_at_their_keys_and_items_at_their_values() -> None:
    spots = outline('{\n  "a": {"b/c": [1,\n "ü"]}\n}'.encode()).spots

    assert spots["/a"] == Spot(2, 3)
    assert spots["/a/b~1c"] == Spot(2, 9)
    assert spots["/a/b~1c/1"] == Spot(3, 2)


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


def test_a_long_key_over_many_values_takes_no_more_memory_than_the_values() -> None:
    spots = outline(b'{"' + b"k" * 5_000 + b'": {"a": [' + b"0," * 1_000 + b"0]}}").spots

    assert sum(map(len, spots)) < 20_000
