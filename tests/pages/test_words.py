"""How values are written for people."""

from __future__ import annotations

import shlex
import time

import pytest

from statewright_ui import words


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0, "0 s"),
        (0.0004, "under 1 ms"),
        (0.4, "400 ms"),
        (1.0, "1 s"),
        (1.57, "1.5 s"),
        (10.9, "10 s"),
        (59, "59 s"),
        (60, "1 min"),
        (8_040, "2 h 14 min"),
        (86_400, "1 d"),
        (273_600, "3 d 4 h"),
        (40 * 86_400, "1 mo 9 d"),
        (400_000_000, "12 y 8 mo"),
    ],
)
def test_a_span_has_at_most_two_units(seconds: float, written: str) -> None:
    assert words.span(seconds) == written


def test_a_moment_is_relative_to_read_and_absolute_to_point_at() -> None:
    written = words.ago(time.time_ns() // 1000 - 7_200_000_000)

    assert ">2 h ago</time>" in written
    assert "UTC" in written
    assert 'datetime="20' in written


def test_an_age_is_in_whole_seconds() -> None:
    assert ">0 s</time>" in words.since(time.time_ns() // 1000)
    assert "ms" not in words.ago(time.time_ns() // 1000 - 500_000)


def test_a_moment_that_never_was_says_so() -> None:
    assert "never" in words.ago(None)


@pytest.mark.parametrize("id", ["a b", "50%", "x?y#z", "ä", "<b>", "it's", "😀", "..a"])
def test_every_step_of_an_address_is_percent_encoded(id: str) -> None:
    address = words.address("entities", "order", id)

    assert address.count("/") == 3
    assert not set(" ?#<>\"'ä😀") & set(address)


def test_what_is_empty_is_left_out_of_an_address() -> None:
    address = words.address("entities", type="order", state=["a", "b"], q="", after=None)

    assert address == "/entities?type=order&state=a&state=b"


def test_a_curl_command_is_one_command_whatever_stands_in_it() -> None:
    body = {"event": "SAY", "data": {"text": 'it\'s $(rm -rf ~) `x` "y"\n; echo'}}

    command = words.curl("http://host/", "/api", body, If_Match='"7"')

    taken = shlex.split(command)
    assert taken[:4] == ["curl", "-X", "POST", "http://host/api"]
    assert 'If-Match: "7"' in taken
    assert len(taken) == 10


@pytest.mark.parametrize(("value", "written"), [(0, "0 entities"), (1, "1 entity"), (12_345, "12,345 entities")])
def test_a_count_agrees_with_its_noun(value: int, written: str) -> None:
    assert words.counted(value, "entity", "entities") == written
