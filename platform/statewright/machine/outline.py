"""Where everything stands in a JSON text: lines and columns for problems.

Fast parsers do not say where a value stands. So the way to the value that is asked for is walked again, member by
member, and what stands beside the way is passed over by the standard library's scanner, which is written in C: a few
places in a large text cost no more than reading it.
"""

from __future__ import annotations

import bisect
import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined]  # the C scanner of the standard library, in no stub
from typing import NamedTuple

from statewright.machine.faults import Spot, decoded, first_fault, skipped

_passed = json.JSONDecoder().raw_decode


class _Found(NamedTuple):
    """Where a member or an item begins, and where its value does; the same for an item."""

    at: int
    value: int


class Outline:
    """The places of a JSON text, which holds no fault. Of a member's value its place is where its key begins."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._lines = [0, *(found.end() for found in re.finditer("\n", text))]
        self._opened: dict[int, dict[str, _Found]] = {}

    def nearest(self, pointer: str) -> tuple[str, Spot]:
        """The longest part of `pointer` that the text holds, and where that is."""
        known, found = self._nearest(pointer)
        return known, self._spot(found.at)

    def inside(self, pointer: str, offset: int) -> Spot:
        """Where the character at `offset` of the text value at `pointer` stands; escapes take more room than one.

        The nearest place that the text holds, when it holds no text value at `pointer`.
        """
        known, found = self._nearest(pointer)
        if known != pointer or self.text[found.value : found.value + 1] != '"':
            return self._spot(found.at)
        at = found.value + 1
        for _ in range(offset):
            if self.text[at] == '"':
                break
            at += _width(self.text, at)
        return self._spot(at)

    def _nearest(self, pointer: str) -> tuple[str, _Found]:
        start = skipped(self.text, 0)
        known, found = "", _Found(start, start)
        for step in pointer.split("/")[1:]:
            within = self._within(found.value).get(step)
            if within is None:
                break
            known, found = f"{known}/{step}", within
        return known, found

    def _within(self, at: int) -> dict[str, _Found]:
        """What stands in the object or list that begins at `at`, by the steps of a pointer; empty for other values."""
        if at not in self._opened:
            match self.text[at : at + 1]:
                case "{":
                    self._opened[at] = self._members(at)
                case "[":
                    self._opened[at] = self._items(at)
                case _:
                    return {}
        return self._opened[at]

    def _members(self, at: int) -> dict[str, _Found]:
        text = self.text
        found: dict[str, _Found] = {}
        at = skipped(text, at + 1)
        while text[at] == '"':
            key, end = scanstring(text, at + 1, True)
            value = skipped(text, skipped(text, end) + 1)
            found[key.replace("~", "~0").replace("/", "~1")] = _Found(at, value)
            at = skipped(text, _passed(text, value)[1])
            if text[at] == "}":
                break
            at = skipped(text, at + 1)
        return found

    def _items(self, at: int) -> dict[str, _Found]:
        text = self.text
        found: dict[str, _Found] = {}
        at = skipped(text, at + 1)
        while text[at] != "]":
            found[str(len(found))] = _Found(at, at)
            at = skipped(text, _passed(text, at)[1])
            if text[at] == "]":
                break
            at = skipped(text, at + 1)
        return found

    def _spot(self, at: int) -> Spot:
        line = bisect.bisect_right(self._lines, at)
        return Spot(line, at - self._lines[line - 1] + 1)


def outline(text: bytes) -> Outline:
    """The places of a whole JSON text. Raises Fault at the first thing wrong with it: see `first_fault`."""
    fault = first_fault(text)
    if fault is not None:
        raise fault
    return Outline(decoded(text))


def _width(text: str, at: int) -> int:
    """How many characters the one at `at` takes as it is written in a JSON string."""
    if text[at] != "\\":
        return 1
    if text[at + 1] != "u":
        return 2
    pair = text[at + 2 : at + 4].lower() in ("d8", "d9", "da", "db") and text[at + 6 : at + 8] == "\\u"
    return 12 if pair else 6
