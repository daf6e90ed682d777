"""Strict reading: the quick way refuses exactly what the exact reader refuses, and names the place."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from statewright.http.problems import ProblemFound
from statewright.http.reading import SMALL, Unread, decode, explained
from statewright.machine.faults import exact_fault

ANYTHING: msgspec.json.Decoder[Any] = msgspec.json.Decoder()
PIECES = [b'"a"', b'"b"', b":", b",", b"{", b"}", b"[", b"]", b"1", b"-", b".5", b"e9", b"true", b"null", b" ", b"\n",
          b'"\\u0061"', b'"\\ud800"', b'"\xff"', b'"\xc3\xa9"', b"9007199254740993", b"1e400", b"NaN", b"\\", b'"',
          b"'", b"\x00", b'"a:b"', b'{"a":1,"a":2}', b'{"a":{"b":1}}', b"[[[[[[[[", b"]]]]]]]]"]  # fmt: skip


def problem_in(text: bytes) -> dict[str, Any] | None:
    try:
        value = decode(text, ANYTHING)
    except ProblemFound as found:
        return found.problem.body
    assert json.loads(text) == value
    return None


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=14).map(b"".join))
def test_the_quick_reading_refuses_what_the_exact_one_refuses(text: bytes) -> None:
    found = problem_in(text)

    assert (found is not None) == (exact_fault(text) is not None)
    assert found is None or (found["status"] == 400 and found["line"] >= 1)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=40))
def test_no_bytes_make_anything_but_a_problem(text: bytes) -> None:
    found = problem_in(text)

    assert found is None or found["type"] == "/problems/malformed"


@pytest.mark.parametrize("depth", [63, 64, 65, 2_000, 100_000])
def test_nesting_is_counted_wherever_the_brackets_stand(depth: int) -> None:
    within_strings = json.dumps({"a": "[" * depth}).encode()
    side_by_side = b"[" + b",".join([b"[]"] * depth) + b"]"

    decode(within_strings, ANYTHING)
    decode(side_by_side, ANYTHING)
    if depth <= 64:
        decode(b"[" * depth + b"]" * depth, ANYTHING)
    else:
        with pytest.raises(ProblemFound, match="deeper than 64"):
            decode(b"[" * depth + b"]" * depth, ANYTHING)


async def test_a_thread_looks_for_the_place_in_a_large_body() -> None:
    text = b'{"a": [' + b"0," * SMALL + b"x]}"
    with pytest.raises(Unread) as found:
        decode(text, ANYTHING)

    assert (await explained(found.value)).body["column"] == text.index(b"x") + 1
