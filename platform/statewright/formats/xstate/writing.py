"""Definitions as XState machine JSON, of version 5 or 6; what only our language has folds into `meta.statewright`."""

from __future__ import annotations

import re
from typing import Any, Literal

import orjson

from statewright.formats.folding import folded
from statewright.formats.naming import iso_of_ms, ms_of_iso
from statewright.formats.notes import Exported, Ledger
from statewright.formats.written import Place, keys_of
from statewright.machine.definition import Definition, State
from statewright.machine.problem import child, pointer_of

Version = Literal[5, 6]
_OURS = ("$schema", "label", "creation", "keep", "partition_by", "roles", "relations", "migrations")
_MACHINE = frozenset(keys_of(Definition)) - frozenset(_OURS)
_NATIVE_6 = frozenset(("schemas", "guards", "delays", "internalEvents"))
_STATE = frozenset(keys_of(State)) - frozenset(("label", "sla"))
_BRANCH = ("target", "guard", "actions", "reenter", "description", "meta")
_BUILT_IN = ("assign", "raise", "emit", "log", "send")
_NO_EFFECT = {
    "allow": "who may send an event is not asked by XState",
    "keep": "what an event carries is not kept in the data by itself in XState",
}
_NEVER_MATTERS = ("label", "description", "tags", "roles", "meta", "$schema", "partition_by", "creation", "migrations")


def write_xstate(document: dict[str, Any], version: Version = 5) -> Exported:
    """The machine of a well-formed document as JSON, and what XState of that version does not do with it.

    Read back it is the same document, but for the order of its keys; states, events and branches keep theirs.
    """
    writer = _Writer(document, version)
    text = orjson.dumps(writer.machine(), option=orjson.OPT_INDENT_2).decode() + "\n"
    return Exported(text, tuple(writer.ledger.notes))


class _Writer:
    def __init__(self, document: dict[str, Any], version: Version) -> None:
        self.document = document
        self.version = version
        self.ledger = Ledger()

    def machine(self) -> dict[str, Any]:
        written = self.document
        native = _MACHINE if self.version == 6 else _MACHINE - _NATIVE_6
        known = {key: value for key, value in written.items() if key in native}
        ours = {"language": 1, **{key: value for key, value in written.items() if key not in native}}
        if self.version == 6:
            known.setdefault("@exprLang", "cel")
            if "@exprLang" not in written:
                ours["@exprLang"] = None
        elif "@exprLang" in known:
            ours["@exprLang"] = known.pop("@exprLang")
        for key in ours:
            if key not in ("language", "@exprLang", *_NEVER_MATTERS):
                self.ledger.lost(
                    pointer_of(key), f"XState {self.version} has no {key!r}: it is kept in `meta.statewright`"
                )
        self._body(known, ours, Place("", written, ""), written["id"])
        return folded(known, ours)

    def _state(self, state: Place, full: str) -> dict[str, Any]:
        known = {key: value for key, value in state.written.items() if key in _STATE}
        ours = {key: value for key, value in state.written.items() if key not in _STATE}
        if "sla" in ours:
            self.ledger.lost(child(state.pointer, "sla"), "XState watches no `sla`")
        self._body(known, ours, state, full)
        return folded(known, ours)

    def _body(self, known: dict[str, Any], ours: dict[str, Any], state: Place, full: str) -> None:
        for key in ("entry", "exit"):
            if key in known:
                self._actions(known, ours, key, child(state.pointer, key))
        if "on" in known:
            known["on"] = {event: self._branches(each, state.pointer + pointer_of("on", event))
                           for event, each in known["on"].items()}  # fmt: skip
        for key in ("always", "onDone"):
            if key in known:
                known[key] = self._branches(known[key], child(state.pointer, key))
        if "onDone" in known and self.version == 6:
            done = known.pop("onDone")
            known["on"] = {**known.get("on", {}), f"xstate.done.state.{state.written.get('id', full)}": done}
        if "after" in known:
            self._after(known, ours, state)
        if "states" in known:
            known["states"] = {
                name: self._state(Place(name, inner, child(child(state.pointer, "states"), name)), f"{full}.{name}")
                for name, inner in known["states"].items()
            }

    def _after(self, known: dict[str, Any], ours: dict[str, Any], state: Place) -> None:
        written = known["after"]
        branches = {
            key: self._branches(each, state.pointer + pointer_of("after", key)) for key, each in written.items()
        }
        if self.version == 6:
            known["after"] = branches
            return
        keys = {key: _milliseconds(key) for key in written}
        known["after"] = {keys[key]: each for key, each in branches.items()}
        if len(known["after"]) < len(keys):  # two ways to write one duration in one state
            known["after"] = branches
            self.ledger.lost(child(state.pointer, "after"), "XState 5 cannot tell these durations apart")
        elif any(old != key and iso_of_ms(_number(old)) != key for key, old in keys.items()):
            ours["afterKeys"] = {old: key for key, old in keys.items()}

    # --- branches

    def _branches(self, written: Any, pointer: str) -> Any:
        if isinstance(written, list):
            return [self._branch(each, child(pointer, index)) for index, each in enumerate(written)]
        return self._branch(written, pointer)

    def _branch(self, written: Any, pointer: str) -> Any:
        if isinstance(written, str):
            return {"target": written} if self.version == 6 else written
        native = (*_BRANCH, "context") if self.version == 6 else _BRANCH
        known = {key: value for key, value in written.items() if key in native}
        ours = {key: value for key, value in written.items() if key not in native}
        for key in ours:
            if key in _NO_EFFECT:
                self.ledger.lost(child(pointer, key), _NO_EFFECT[key])
            elif key == "context":
                self.ledger.lost(child(pointer, key), "XState 5 has no patches in JSON: give it an `assign`")
        if "guard" in known:
            self._guard(known, ours, child(pointer, "guard"))
        if "actions" in known:
            self._actions(known, ours, "actions", child(pointer, "actions"))
        if isinstance(known.get("context"), dict) and any(
            value == {"@unset": True} for value in known["context"].values()
        ):
            ours["context"] = known.pop("context")
            self.ledger.lost(child(pointer, "context"), "XState has no way to remove a field")
        return folded(known, ours)

    def _guard(self, known: dict[str, Any], ours: dict[str, Any], pointer: str) -> None:
        guard = known["guard"]
        if isinstance(guard, str):
            known["guard"] = {"type": guard} if self.version == 6 else guard
        elif self.version == 5 and isinstance(guard, dict) and "@expr" in guard:
            known["guard"], ours["guard"] = {"type": str(guard["@expr"])}, guard
            self.ledger.lost(pointer, "XState 5 evaluates no text: give it a guard of this name")

    def _actions(self, known: dict[str, Any], ours: dict[str, Any], key: str, pointer: str) -> None:
        written = known[key]
        actions = written if isinstance(written, list) else [written]
        if self.version == 6:
            found = [self._prefixed(each) for each in actions]
            known[key] = found if isinstance(written, list) else found[0]
            return
        for index, action in enumerate(actions):
            if isinstance(action, dict) and action.get("type") in _BUILT_IN:
                at = child(pointer, index) if isinstance(written, list) else pointer
                self.ledger.lost(
                    at, f"XState 5 takes {action['type']!r} from code only: give it an action of this name"
                )

    def _prefixed(self, action: Any) -> Any:
        if isinstance(action, str):
            return {"type": action}
        if isinstance(action, dict) and action.get("type") in _BUILT_IN and action["type"] != "send":
            return {**action, "type": f"@xstate.{action['type']}"}
        return action


def _milliseconds(key: str) -> str:
    found = ms_of_iso(key)
    return key if found is None else str(found)


def _number(text: str) -> float | int:
    return float(text) if "." in text else int(text) if re.fullmatch(r"\d+", text) else -1
