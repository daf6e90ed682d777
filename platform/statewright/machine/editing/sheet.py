"""A JSON text that is changed in places, everything else staying byte for byte as its author wrote it.

The text is read no further than the place looked for: members are found by a scan that skips values in C.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from json.decoder import scanstring  # type: ignore[attr-defined]  # the C scanner of the standard library, in no stub
from typing import Any, NamedTuple

Step = str | int
Way = tuple[Step, ...]
"""The keys and indices that lead to a value; empty for the whole."""

WIDTH = 120
"""A value is written on one line where the line stays within so many characters."""
_SPACE = re.compile(r"[ \t\n\r]*")
_INDENT = re.compile(r"\n([ \t]+)\S")
_scan = json.JSONDecoder().raw_decode


class NotThere(LookupError):
    """Nothing stands at the place."""


class Part(NamedTuple):
    """A member of an object or an item of a list: its name, where it begins (at the key), and its value's span."""

    name: Step
    begin: int
    start: int
    end: int


def way_of(pointer: str) -> tuple[str, ...]:
    """The steps of a JSON pointer (RFC 6901), as texts."""
    return tuple(step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:])


class Sheet:
    """A JSON text under the pen. Raises ValueError when made of a text that is no JSON."""

    def __init__(self, text: str) -> None:
        self.text = text
        start = self._skip(0)
        _, end = _scan(text, start)
        if self._skip(end) != len(text):
            raise ValueError("there is more after the end of the JSON value")
        found = _INDENT.search(text)
        self.unit = found.group(1) if found else ""
        """What one level is set in by; empty for a text on one line."""

    # --- reading

    def has(self, way: Way) -> bool:
        """Whether something stands there."""
        try:
            self.span(way)
        except NotThere:
            return False
        return True

    def value(self, way: Way = ()) -> Any:
        """What stands there. Raises NotThere."""
        return _scan(self.text, self.span(way)[0])[0]

    def get(self, way: Way, default: Any = None) -> Any:
        """What stands there, or `default`."""
        return self.value(way) if self.has(way) else default

    def span(self, way: Way) -> tuple[int, int]:
        """Where the value begins and ends. Raises NotThere."""
        start = self._skip(0)
        end = -1
        for step in way:
            part = next((part for part in self._parts(start) if part.name == step), None)
            if part is None:
                raise NotThere(way)
            start, end = part.start, part.end
        return start, end if end >= 0 else _scan(self.text, start)[1]

    def _parts(self, start: int) -> Iterator[Part]:
        text = self.text
        opening = text[start]
        if opening not in "{[":
            return
        at = self._skip(start + 1)
        index = 0
        while text[at] not in "}]":
            begin, name = at, index
            if opening == "{":
                name, at = scanstring(text, at + 1, True)
                at = self._skip(self._skip(at) + 1)
            end = _scan(text, at)[1]
            yield Part(name, begin, at, end)
            at = self._skip(end)
            if text[at] == ",":
                at = self._skip(at + 1)
            index += 1

    def parts(self, way: Way) -> list[Part]:
        """The members or items of what stands there, in order."""
        return list(self._parts(self.span(way)[0]))

    def _skip(self, at: int) -> int:
        found = _SPACE.match(self.text, at)
        return found.end() if found else at

    # --- writing

    def put(self, way: Way, value: Any) -> None:
        """Set the value there: in place of what stands there, or as a new last member of what is above it."""
        if self.has(way):
            start, end = self.span(way)
            if not _same(_scan(self.text, start)[0], value):
                short = self._short(way)
                self._replace(start, end, self._written(value, start))
                self._tidy(short)
            return
        if len(way) > 1 and not self.has(way[:-1]):
            self.put(way[:-1], {way[-1]: value})
            return
        self.insert(way, value)

    def insert(self, way: Way, value: Any, before: Step | None = None) -> None:
        """Put a new member or item before another, or last. What is above it is there and holds no such member."""
        self._insert(way, lambda start: self._written(value, start), before)

    def paste(self, way: Way, source: str, before: Step | None = None) -> None:
        """Put a value there as it was written elsewhere, set in as its new place asks."""
        self._insert(way, lambda start: _reset(source, self._indent(start)), before)

    def cut(self, way: Way) -> str:
        """Take a value out and give its text, its lines set in from its own first one."""
        source = self.source(way)
        self.drop(way)
        return source

    def source(self, way: Way) -> str:
        """The text of a value, its lines set in from its own first one."""
        start, end = self.span(way)
        return _unset(self.text[start:end], self._indent(start))

    def wrap(self, way: Way) -> None:
        """Make a list of a value, with the value as its only item."""
        start, end = self.span(way)
        self._replace(start, end, f"[{self.text[start:end]}]")

    def unwrap(self, way: Way, index: int) -> None:
        """Put an item in place of the list that holds it."""
        source = self.source((*way, index))
        start, end = self.span(way)
        self._replace(start, end, _reset(source, self._indent(start)))

    def rename(self, way: Way, key: str) -> None:
        """Give a member another key, in its place."""
        above = self._parts(self.span(way[:-1])[0])
        part = next(part for part in above if part.name == way[-1])
        end = scanstring(self.text, part.begin + 1, True)[1]
        self._replace(part.begin, end, _json(key))

    def drop(self, way: Way) -> None:
        """Take out a member or item, with its comma and the space around it."""
        start, end = self.span(way[:-1])
        parts = list(self._parts(start))
        at = next((index for index, part in enumerate(parts) if part.name == way[-1]), None)
        if at is None:
            raise NotThere(way)
        if len(parts) == 1:
            self._replace(start + 1, end - 1, "")
        elif at + 1 < len(parts):
            self._replace(parts[at].begin, parts[at + 1].begin, "")
        else:
            self._replace(parts[at - 1].end, parts[at].end, "")

    def swap(self, way: Way, one: int, other: int) -> None:
        """Exchange two items of a list."""
        parts = self.parts(way)
        first, second = parts[min(one, other)], parts[max(one, other)]
        sources = self.text[first.start : first.end], self.text[second.start : second.end]
        self._replace(second.start, second.end, sources[0])
        self._replace(first.start, first.end, sources[1])

    def _replace(self, start: int, end: int, new: str) -> None:
        self.text = self.text[:start] + new + self.text[end:]

    def _insert(self, way: Way, written: Callable[[int], str], before: Step | None) -> None:
        short = self._short(way[:-1])
        self._insert_here(way, written, before)
        self._tidy(short)

    def _short(self, way: Way) -> list[Way]:
        """Those of a place and what is above it that stand on one line; outermost first."""
        spans = {way[:length]: self.span(way[:length]) for length in range(len(way) + 1)}
        return [above for above, (start, end) in spans.items() if "\n" not in self.text[start:end]]

    def _tidy(self, short: list[Way]) -> None:
        """Give the parts of what stood on one line and does not any more lines of their own."""
        for way in short:
            start, end = self.span(way) if self.has(way) else (0, 0)
            if "\n" in self.text[start:end] and self.text[start : start + 1] in ("{", "["):
                parts = list(self._parts(start))
                if parts and "\n" not in self.text[start : parts[0].begin]:
                    self._break(start)

    def _insert_here(self, way: Way, written: Callable[[int], str], before: Step | None) -> None:
        start, end = self.span(way[:-1])
        parts = list(self._parts(start))
        key = f"{_json(way[-1])}: " if self.text[start] == "{" else ""
        if not parts:
            self._into_empty(start, end, key, written, way[-2:-1] in (("states",), ("schemas",)))
            return
        following = next((part for part in parts if before is not None and part.name == before), None)
        beside = following or parts[-1]
        broken = "\n" in self.text[start : parts[0].begin]
        new = key + written(beside.begin)
        line = f"\n{self._indent(beside.begin)}" if broken else " "
        if not broken and self.unit and ("\n" in new or self._line_length(start) + len(new) + 2 > WIDTH):
            self._break(start)
            self._insert_here(way, written, before)
        elif following is not None:
            self._replace(following.begin, following.begin, f"{new},{line}")
        else:
            self._replace(beside.end, beside.end, f",{line}{new}")

    def _into_empty(self, start: int, end: int, key: str, written: Callable[[int], str], broken: bool) -> None:
        opening, closing = self.text[start], self.text[end - 1]
        inline = f"{opening}{key}{written(start)}{closing}"
        tail = self.text[end:].partition("\n")[0]
        if not self.unit or (
            not broken and "\n" not in inline and self._column(start) + len(inline) + len(tail) <= WIDTH
        ):
            self._replace(start, end, inline)
            return
        indent = self._indent(start)
        deeper = indent + self.unit
        self._replace(start, end, f"{opening}\n{deeper}{closing}")
        value = written(start + 2 + len(deeper))
        self._replace(start, start + 3 + len(deeper), f"{opening}\n{deeper}{key}{value}\n{indent}{closing}")

    def _break(self, start: int) -> None:
        """Give each part of what is on one line a line of its own."""
        end = _scan(self.text, start)[1]
        indent = self._indent(start)
        deeper = f"\n{indent}{self.unit}"
        parts = list(self._parts(start))
        apart = (self._indent(part.begin) for part in parts)
        inner = [_reset(_unset(self.text[part.begin : part.end], was), indent + self.unit)
                 for part, was in zip(parts, apart, strict=True)]  # fmt: skip
        inside = f",{deeper}".join(inner)
        self._replace(start, end, f"{self.text[start]}{deeper}{inside}\n{indent}{self.text[end - 1]}")

    def _indent(self, at: int) -> str:
        """What the line of a place is set in by."""
        line = self.text[self.text.rfind("\n", 0, at) + 1 : at]
        return line[: len(line) - len(line.lstrip(" \t"))]

    def _column(self, at: int) -> int:
        return at - self.text.rfind("\n", 0, at) - 1

    def _line_length(self, at: int) -> int:
        end = self.text.find("\n", at)
        return (end if end >= 0 else len(self.text)) - self.text.rfind("\n", 0, at) - 1

    def _written(self, value: Any, start: int) -> str:
        return pretty(value, self._indent(start), self.unit, WIDTH - self._column(start))


def pretty(value: Any, indent: str = "", unit: str = "  ", room: int = WIDTH) -> str:
    """JSON on one line where that fits, else an item a line. `indent` is that of the line it begins on."""
    line = _json(value)
    if not unit or not isinstance(value, dict | list) or not value or len(line) <= room - 1:
        return line
    deeper = indent + unit
    inner = WIDTH - len(deeper)
    if isinstance(value, dict):
        keys = {key: _json(key) + ": " for key in value}
        items = [keys[key] + pretty(item, deeper, unit, inner - len(keys[key])) for key, item in value.items()]
    else:
        items = [pretty(item, deeper, unit, inner) for item in value]
    joined = f",\n{deeper}".join(items)
    opening, closing = ("{", "}") if isinstance(value, dict) else ("[", "]")
    return f"{opening}\n{deeper}{joined}\n{indent}{closing}"


def pretty_document(value: dict[str, Any]) -> str:
    """A whole document as a person would lay it out: its first level and its states always on lines of their own."""
    sheet = Sheet("{\n}")
    sheet.unit = "  "
    parts = []
    for key, item in value.items():
        if key == "states" and isinstance(item, dict) and item:
            inner = ",\n    ".join(f"{_json(name)}: {pretty(state, '    ', '  ', 100)}" for name, state in item.items())
            parts.append(f'"states": {{\n    {inner}\n  }}')
        else:
            parts.append(f"{_json(key)}: {pretty(item, '  ', '  ', 100)}")
    return "{\n  " + ",\n  ".join(parts) + "\n}\n"


def _same(one: Any, other: Any) -> bool:
    return _json(one) == _json(other)  # equality would take 1 for 1.0 and for true, at any depth


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


# A text of JSON holds no line break inside of a string, so lines may be set in and out without a look at what they say.


def _unset(source: str, indent: str) -> str:
    first, *rest = source.split("\n")
    return "\n".join([first, *(line.removeprefix(indent) for line in rest)])


def _reset(source: str, indent: str) -> str:
    first, *rest = source.split("\n")
    return "\n".join([first, *(indent + line if line.strip() else line for line in rest)])


def steps(way: Sequence[Step]) -> str:
    """A way as a JSON pointer."""
    return "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in way)
