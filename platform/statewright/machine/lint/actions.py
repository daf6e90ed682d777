"""Actions: what the language's own ones need, and what becomes of all others."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from statewright.machine import names
from statewright.machine.lint.survey import Doing, Survey, action_type
from statewright.machine.problem import Problem, child, error, shown, warning

_KEYS = {
    "assign": ("type", "context"),
    "raise": ("type", "event"),
    "emit": ("type", "event"),
    "log": ("type", "args"),
    "send": ("type", "to", "event"),
}
"""The language's own actions, and all the keys that each of them needs."""
_NEEDED = {
    "assign": '{"type": "assign", "context": {…}}',
    "raise": '{"type": "raise", "event": {"type": "NAME"}}',
    "emit": '{"type": "emit", "event": {"type": "NAME"}}',
    "log": '{"type": "log", "args": […]}',
    "send": '{"type": "send", "to": "relation", "event": {"type": "NAME"}}',
}
_EFFECT = ("type", "params")


def problems_of(survey: Survey) -> Iterator[Problem]:
    """What is wrong with actions, but for the patches and expressions in them."""
    for doing in survey.doings:
        yield from _action(survey, doing)


def _action(survey: Survey, doing: Doing) -> Iterator[Problem]:
    action, at = doing.action, doing.pointer
    name = action_type(action)
    if name is None:
        yield error("bad_action", at, "an action has a `type`", 'write {"type": "emit", "event": {"type": "NAME"}}')
    elif name not in _KEYS:
        yield from _effect(survey, name, action, at)
    elif isinstance(action, str):
        yield error("bad_action", at, f"`{name}` alone does not say what to do", f"write {_NEEDED[name]}")
    else:
        yield from _own(survey, name, action, at)


def _effect(survey: Survey, name: str, action: Any, at: str) -> Iterator[Problem]:
    if fault := names.fault_of_event_name(name):
        yield error("bad_name", at, f"the action's name {fault}")
    if isinstance(action, dict):
        if not isinstance(action.get("params", {}), dict):
            yield error("bad_action", child(at, "params"), "`params` is an object")
        yield from _unknown(survey, action, _EFFECT, at)


def _own(survey: Survey, name: str, action: Mapping[str, Any], at: str) -> Iterator[Problem]:
    for key in _KEYS[name]:
        if key not in action:
            yield error("bad_action", at, f"the action `{name}` needs `{key}`", f"write {_NEEDED[name]}")
    yield from _unknown(survey, action, _KEYS[name], at)
    if name == "assign" and not isinstance(action.get("context", {}), dict):
        yield error("bad_action", child(at, "context"), "`context` is an object: the fields to write")
    if name == "log" and not isinstance(action.get("args", []), list):
        yield error("bad_action", child(at, "args"), "`args` is a list: what to note")
    if "event" in action and "event" in _KEYS[name]:
        yield from _event(survey, name, action["event"], child(at, "event"))
    if name == "send":
        yield from _send(survey, action, at)


def _unknown(survey: Survey, action: Mapping[str, Any], known: tuple[str, ...], at: str) -> Iterator[Problem]:
    for key in action:
        if key in known:
            continue
        if key == "delay":
            yield error("bad_action", child(at, key), "an action is carried out at once, and cannot wait",
                        "use `after` in the state that waits")  # fmt: skip
            continue
        fix = survey.meant(key, known) or "remove it"
        yield error("bad_action", child(at, key), f"this action has no key {shown(key)}", fix)


def _event(survey: Survey, name: str, event: Any, at: str) -> Iterator[Problem]:
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        yield error("bad_action", at, "an event is an object with its name as `type`",
                    'write {"type": "NAME", …}; the name itself is a constant')  # fmt: skip
        return
    event_name = event["type"]
    if fault := names.fault_of_event_name(event_name):
        yield error("bad_name", child(at, "type"), f"the event's name {fault}")
    if name != "raise":
        return
    if not _is_taken(survey, event_name):
        fix = survey.meant(event_name, survey.events_taken) or "let a state take it in `on`, or use `emit`"
        yield warning("nobody_listens", child(at, "type"), f"no state takes {shown(event_name)}, so it is dropped", fix)
    schema = survey.events.get(event_name)
    if schema is None:
        return
    for field, value in event.items():
        if field != "type" and not _computed(value) and not schema.accepts_constant(field, value):
            yield error("bad_action", child(at, field), f"this value does not fit the schema of {shown(event_name)}")


def _is_taken(survey: Survey, event: str) -> bool:
    known = survey.descriptors
    return event in known or any(descriptor in known for descriptor in wildcards_of(event))


def wildcards_of(event: str) -> Iterator[str]:
    """The descriptors with a star that take an event, the most exact first."""
    prefix = event
    while "." in prefix:
        prefix = prefix.rpartition(".")[0]
        yield prefix + ".*"
    yield "*"


def _computed(value: Any) -> bool:
    if isinstance(value, dict):
        return "@expr" in value or any(_computed(item) for item in value.values())
    return isinstance(value, list) and any(_computed(item) for item in value)


def _send(survey: Survey, action: Mapping[str, Any], at: str) -> Iterator[Problem]:
    to = action.get("to")
    if isinstance(to, str) and to not in survey.definition.relations:
        fix = survey.meant(to, survey.definition.relations) or "declare it under `relations`"
        yield error("unknown_relation", child(at, "to"), f"there is no relation {shown(to)}", fix)
    elif "to" in action and not isinstance(to, str):
        yield error("bad_action", child(at, "to"), "`to` is the name of a relation")
    sentence = "`send` is part of the language, but this release does not deliver events to related entities yet"
    yield error("not_supported_yet", at, sentence, "keep the draft, and activate it after an upgrade")
