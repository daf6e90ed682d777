"""Executable content of SCXML as actions, and actions as executable content."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson

from statewright.formats.ecmascript import cel_of, constant_of
from statewright.formats.naming import event_name, iso_of_words, ms_of_iso
from statewright.formats.notes import Ledger
from statewright.formats.scxml.words import ADDED, EMIT, OURS, PROCESSOR
from statewright.formats.xml import Element
from statewright.machine.expressions import Scope, compile_expression

_SELF = ("", "#_internal", "_internal", "#_self")
_WHY_NOT = {
    "if": "write one branch with a guard for each case",
    "foreach": "write an expression with `map` or `filter`",
    "script": "the platform runs no code",
    "cancel": "timers end with the stay in their state, so there is nothing to cancel",
    "else": "write one branch with a guard for each case",
    "elseif": "write one branch with a guard for each case",
}


class Content:
    """Reads executable content in one document."""

    def __init__(self, ledger: Ledger, fields: set[str], path_of: Callable[[str], str | None]) -> None:
        self.ledger = ledger
        self.fields = fields
        self.path_of = path_of

    def actions(self, element: Element) -> list[Any]:
        """The actions in an element, in order."""
        found: list[Any] = []
        for each in element.children:
            if each.get(ADDED):
                continue
            if each.namespace == element.namespace:
                found.extend(self._action(each))
            elif each.namespace != OURS:
                self.ledger.lost(each.way, f"<{each.name}> is of another tool and not carried")
        return found

    def _action(self, element: Element) -> list[Any]:
        match element.name:
            case "raise":
                return [{"type": "raise", "event": {"type": event_name(element.get("event") or "event")}}]
            case "log":
                return [{"type": "log", "args": self._log(element)}]
            case "assign":
                return self._assign(element)
            case "send":
                return self.send(element)
            case _:
                why = _WHY_NOT.get(element.name, "the language has nothing like it")
                self.ledger.lost(element.way, f"<{element.name}> is not carried: {why}")
                return []

    def _log(self, element: Element) -> list[Any]:
        label = [element.get("label")] if element.get("label") else []
        if "expr" not in element.attributes:
            return label
        found = self.value(element.get("expr"))
        return [*label, element.get("expr") if found is None else found[0]]

    def value(self, text: str) -> tuple[Any] | None:
        """What an expression stands for, as a constant or as an expression of ours; None where ours cannot say it."""
        constant = constant_of(text)
        if constant is not None:
            return (constant.value,)
        said = cel_of(text, self.fields, self.path_of)
        return None if said is None or not _parses(said) else ({"@expr": said},)

    def _assign(self, element: Element) -> list[Any]:
        field = element.get("location").strip()
        field = field.removeprefix("$").strip()
        text = element.get("expr") or element.text
        found = self.value(text)
        if not field.isidentifier() or found is None:
            self.ledger.lost(element.way, f"this assignment to {field[:60]!r} is code: write it as a patch")
            return []
        return [{"type": "assign", "context": {field: found[0]}}]

    def send(self, element: Element) -> list[Any]:
        """A `send` that is no timer: to itself it is raised, to others emitted."""
        event = self.event(element)
        if event is None:
            return []
        if element.get("target").strip() in _SELF and element.get("type") in ("", "scxml", PROCESSOR):
            if delay_of(element) or "delayexpr" in element.attributes:
                self.ledger.lost(
                    element.way, f"{event['type'][:60]!r} is not sent: a delay has its place in <onentry> only"
                )
                return []
            if element.get("target").strip() == "":
                self.ledger.rewritten(
                    element.way, f"{event['type'][:60]!r} is raised: it comes before events from outside"
                )
            return [{"type": "raise", "event": event}]
        if element.get("type") != EMIT:
            self.ledger.rewritten(element.way, f"{event['type'][:60]!r} is emitted, for a service to pass on")
        return [{"type": "emit", "event": event}]

    def event(self, element: Element) -> dict[str, Any] | None:
        """The event of a `send` with its payload; None, and told, where its name is computed."""
        name = element.get("event")
        if not name and (found := constant_of(element.get("eventexpr"))) is not None and isinstance(found.value, str):
            name = found.value
        if not name:
            self.ledger.lost(element.way, "this <send> is not carried: its event is computed by code")
            return None
        event: dict[str, Any] = {"type": event_name(name)}
        for field in element.get("namelist").split():
            event[field] = {"@expr": f"context.{field}"}
        for param in element.named("param"):
            found_value = self.value(param.get("expr") or param.get("location"))
            if found_value is None or param.get("name") in ("", "type"):
                self.ledger.lost(param.way, f"the field {param.get('name')[:60]!r} is code and not sent along")
            else:
                event[param.get("name")] = found_value[0]
        for content in element.named("content"):
            self.ledger.lost(content.way, "the <content> of this event is not sent along: name its fields by <param>")
        return event


def _parses(text: str) -> bool:
    _, faults = compile_expression(text, Scope(context=None, event="dynamic"))
    return not any(fault.code == "bad_expression" for fault in faults)


def is_to_itself(element: Element) -> bool:
    """Whether a `send` goes to the external queue of its own machine."""
    return element.get("target").strip() in ("", "#_self") and element.get("type") in ("", "scxml", PROCESSOR)


def delay_of(element: Element) -> str | None:
    """The delay of a `send` in ISO 8601; None without one, or where it is computed."""
    text = element.get("delay")
    if not text and (found := constant_of(element.get("delayexpr"))) is not None:
        text = str(found.value)
    return iso_of_words(text) if text else None


def elements_of(actions: Any, guard_text: Callable[[str], str]) -> list[Element]:
    """Actions as executable content, as near as SCXML has it."""
    listed = actions if isinstance(actions, list) else [actions]
    return [element for action in listed for element in _elements(action, guard_text)]


def _elements(action: Any, text_of: Callable[[str], str]) -> list[Element]:
    if isinstance(action, str):
        return [Element("send", {"type": EMIT, "event": action})]
    if not isinstance(action, dict):
        return []
    kind = str(action.get("type", "")).removeprefix("@xstate.")
    event = action.get("event")
    if kind == "raise" and isinstance(event, dict):
        if set(event) == {"type"}:
            return [Element("raise", {"event": str(event["type"])})]
        return [_send(event, {"target": "#_internal"}, text_of)]
    if kind == "log":
        args = action.get("args")
        return [Element("log", {"expr": _said(each, text_of)}) for each in (args if isinstance(args, list) else [])]
    if kind == "assign" and isinstance(action.get("context"), dict):
        return assignments(action["context"], text_of)
    if kind == "send" and isinstance(event, dict):
        return [_send(event, {"type": "urn:statewright:send", "target": str(action.get("to", ""))}, text_of)]
    if kind == "emit" and isinstance(event, dict):
        return [_send(event, {"type": EMIT}, text_of)]
    params = action.get("params")
    return [_send({**(params if isinstance(params, dict) else {}), "type": kind}, {"type": EMIT}, text_of)]


def assignments(patch: dict[str, Any], text_of: Callable[[str], str]) -> list[Element]:
    """A patch as assignments, field by field; a field to remove is set to null."""
    said = {key: "null" if value == {"@unset": True} else _said(value, text_of) for key, value in patch.items()}
    return [Element("assign", {"location": key, "expr": value}) for key, value in said.items()]


def _send(event: dict[str, Any], attributes: dict[str, str], text_of: Callable[[str], str]) -> Element:
    send = Element("send", {"event": str(event.get("type", "")), **attributes})
    params = (
        Element("param", {"name": key, "expr": _said(each, text_of)}) for key, each in event.items() if key != "type"
    )
    return send.add(*params)


def _said(value: Any, text_of: Callable[[str], str]) -> str:
    if isinstance(value, dict) and isinstance(value.get("@expr"), str):
        return text_of(value["@expr"])
    return orjson.dumps(value).decode()


def css_of(iso: str) -> str | None:
    """An ISO 8601 duration as SCXML writes delays; None if it is none."""
    found = ms_of_iso(iso)
    if found is None:
        return None
    return f"{found // 1000}s" if found % 1000 == 0 else f"{found}ms"
