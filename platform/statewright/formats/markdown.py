"""A definition as a table in Markdown, for people who decide what an order may do and read no diagrams."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson

from statewright.formats.words import plain
from statewright.formats.written import Place, branches_in, states_in
from statewright.machine.chart import guard_words, spaced, spoken
from statewright.machine.definition import Definition
from statewright.machine.targets import States

_SPECIAL = re.compile(r"([\\`*{}\[\]<>#|&~]|(?<!\w)_|_(?!\w))")
_HEAD = ("In state", "When", "Only if", "By", "Goes to", "What is written")
_LENGTH = 200


def markdown_of(definition: Definition, document: dict[str, Any]) -> str:
    """The definition as Markdown: its title, its description and one row for each branch, in document order.

    Ends in a line end. `document` is what `definition` was read from.
    """
    return _Table(definition, document).text()


class _Table:
    def __init__(self, definition: Definition, document: dict[str, Any]) -> None:
        self.document = document
        self.states = States(definition)
        self.roles = document.get("roles", {})

    def text(self) -> str:
        document = self.document
        lines = [f"# {_escaped(document.get('label') or spaced(document['id']))}", ""]
        if document.get("description"):
            lines += [_SPECIAL.sub(r"\\\1", plain(document["description"])), ""]
        lines += [_row(_HEAD), _row(("---",) * len(_HEAD))]
        lines += [_row(row) for row in self.rows()]
        return "\n".join(lines) + "\n"

    def rows(self) -> Iterator[tuple[str, ...]]:
        yield (
            "",
            "an entity is created",
            "",
            "",
            self._initial(Place("", self.document, "")),
            self._fields(self.document, "context"),
        )
        for place in states_in(self.document):
            yield from self._of(place)
        yield from self._of(Place("", self.document, ""))

    def _of(self, place: Place) -> Iterator[tuple[str, ...]]:
        written, name = place.written, self._name(place.path) if place.path else "*any state*"
        before = False
        for when, only, by, to, writes in self._branches(place):
            yield name, when, only, by, to, writes
            before = True
        for key, when in (("entry", "it is entered"), ("exit", "it is left")):
            if written.get(key) and place.path:
                yield name, when, "", "", "", _actions(written[key])
        if written.get("type") == "final":
            yield name, "", "", "", "**the end**" if "." not in place.path else "done", ""
        elif not before and place.path and not written.get("states") and written.get("type") != "history":
            yield name, "", "", "", "", ""

    def _branches(self, place: Place) -> Iterator[tuple[str, ...]]:
        written = place.written
        for event, branches in written.get("on", {}).items():
            yield from self._rows_of(branches, place, "anything else" if event == "*" else f"`{_code(event)}`")
        if "always" in written:
            yield from self._rows_of(written["always"], place, "at once")
        for delay, branches in written.get("after", {}).items():
            yield from self._rows_of(branches, place, f"after {_escaped(spoken(delay))}")
        if "onDone" in written:
            yield from self._rows_of(written["onDone"], place, "all in it is done")

    def _rows_of(self, branches: Any, place: Place, when: str) -> Iterator[tuple[str, ...]]:
        guarded = False
        for branch in branches_in(branches):
            only = (
                f"`{_code(guard_words(branch['guard']))}`"
                if branch.get("guard") is not None
                else "otherwise"
                if guarded
                else ""
            )
            guarded = guarded or branch.get("guard") is not None
            by = ", ".join(self._role(role) for role in branch.get("allow", ()))
            said = f"{when}: {_escaped(branch['label'])}" if branch.get("label") else when
            yield said, only, by, self._target(branch, place), self._writes(branch)

    def _target(self, branch: dict[str, Any], place: Place) -> str:
        target = branch.get("target")
        if target is None:
            return "stays" if set(branch) & {"context", "keep", "actions"} else "not taken here"
        targets = target if isinstance(target, list) else [target]
        found = [self.states.resolve(each, place.path) for each in targets]
        return " and ".join(
            _escaped(f"{each} (missing)") if path is None else self._name(path)
            for each, path in zip(targets, found, strict=True)
        )

    def _writes(self, branch: dict[str, Any]) -> str:
        keep = branch.get("keep", self.document.get("keep"))
        parts = ["what was sent"] if keep == "*" else [f"{_escaped(field)} as sent" for field in keep or ()]
        parts += [self._fields(branch, "context")] if branch.get("context") else []
        parts += [_actions(branch["actions"])] if branch.get("actions") else []
        return "; ".join(parts)

    def _fields(self, holder: dict[str, Any], key: str) -> str:
        patch = holder.get(key) or {}
        return "; ".join(f"{_escaped(field)} {_value(value)}" for field, value in patch.items())

    def _initial(self, place: Place) -> str:
        initial = place.written.get("initial")
        if initial is None:
            return ", ".join(self._name(name) for name in place.written.get("states", {}))
        return self._name(initial) if initial in self.states.by_path else _escaped(str(initial))

    def _name(self, path: str) -> str:
        """A state by its label, and the labels of those it lies in; the whole of it is where it begins."""
        if not path:
            return "the beginning"
        steps, names = path.split("."), []
        for length in range(1, len(steps) + 1):
            state = self.states.by_path[".".join(steps[:length])]
            names.append(_escaped(state.label or spaced(steps[length - 1])))
        return " › ".join(names)

    def _role(self, role: str) -> str:
        written = self.roles.get(role, {})
        return _escaped(written.get("label") or role) if isinstance(written, dict) else _escaped(role)


def _value(value: Any) -> str:
    if value == {"@unset": True}:
        return "removed"
    if isinstance(value, dict) and isinstance(value.get("@expr"), str):
        return f"= `{_code(value['@expr'])}`"
    return f"= `{_code(orjson.dumps(value).decode())}`"


def _actions(actions: Any) -> str:
    listed = actions if isinstance(actions, list) else [actions]
    return "; ".join(_action(each) for each in listed)


def _action(action: Any) -> str:
    if not isinstance(action, dict):
        return f"does `{_code(str(action))}`"
    kind, event = str(action.get("type", "")), action.get("event")
    name = event.get("type") if isinstance(event, dict) else None
    if kind in ("raise", "emit", "send") and isinstance(name, str):
        return f"{kind}s `{_code(name)}`"
    if kind == "assign" and isinstance(action.get("context"), dict):
        return "; ".join(f"{_escaped(field)} {_value(value)}" for field, value in action["context"].items())
    return f"does `{_code(kind)}`"


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


def _cut(text: str) -> str:
    return text if len(text) <= _LENGTH else f"{text[: _LENGTH - 1]}…"


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", _cut(plain(text)))


def _code(text: str) -> str:
    """Text for between back-ticks: without any, and with the bar that would end a cell written as GitHub wants it."""
    return _cut(plain(text)).replace("`", "'").replace("|", "\\|") or " "
