"""Actions of XState's machines as ours: built-in ones by what they do, all others as named effects."""

from __future__ import annotations

from typing import Any

from statewright.formats.naming import event_name, is_code
from statewright.formats.notes import Ledger
from statewright.machine.names import fault_of_event_name
from statewright.machine.problem import child

_OURS = ("assign", "raise", "emit", "log", "send")
_NO_PLACE = {
    "cancel": "timers end with the stay in their state, so there is nothing to cancel",
    "stop": "the platform runs no actors",
    "stopChild": "the platform runs no actors",
    "spawn": "the platform runs no actors",
    "spawnChild": "the platform runs no actors",
    "pure": "it is code",
    "choose": "write one branch for each case",
    "enqueueActions": "it is code",
}
_TO_OTHERS = ("sendTo", "sendParent", "forwardTo", "escalate", "respond")
_NESTING = 5


class Actions:
    """Carries over the actions of one machine, whose own named ones (version 6) are written out where they are used."""

    def __init__(self, ledger: Ledger, named: dict[str, Any], *, ours: bool) -> None:
        self.ledger = ledger
        self.named = named
        self.ours = ours
        self.unnamed = 0

    def carried(self, written: Any, pointer: str) -> Any:
        """What stands under `entry`, `exit` or `actions`, in the same form: one, or a list."""
        if not isinstance(written, list):
            found = self._carried(written, pointer, 0)
            return found[0] if len(found) == 1 else found
        return [
            each for index, action in enumerate(written) for each in self._carried(action, child(pointer, index), 0)
        ]

    def _carried(self, action: Any, pointer: str, depth: int) -> list[Any]:
        if action is None or action in ("", {}):
            return []
        if isinstance(action, str):
            plain = action.removeprefix("@").removeprefix("xstate.")
            if plain != action and action not in self.named:
                return self._built_in(plain, {"type": action}, pointer)
            return self._of_name(action, None, pointer, depth)
        if isinstance(action, list) and depth < _NESTING:
            return [each for item in action for each in self._carried(item, pointer, depth + 1)]
        if not isinstance(action, dict) or not isinstance(action.get("type"), str):
            return [self._effect_of_code(pointer)]
        return self._of_type(action, pointer, depth)

    def _of_name(self, name: str, whole: dict[str, Any] | None, pointer: str, depth: int) -> list[Any]:
        if name in self.named and depth < _NESTING:
            self.ledger.rewritten(pointer, f"the action {name[:60]!r} is written out where it is used")
            return self._carried(self.named[name], pointer, depth + 1)
        if not self.ours and fault_of_event_name(name) is not None:
            if is_code(name):
                return [self._effect_of_code(pointer, name)]
            called = event_name(name)
            self.ledger.rewritten(pointer, f"the action {name[:60]!r} is called {called!r} here")
            return [called if whole is None else {**whole, "type": called}]
        return [name if whole is None else whole]

    def _of_type(self, action: dict[str, Any], pointer: str, depth: int) -> list[Any]:
        type = action["type"]
        plain = type.removeprefix("@").removeprefix("xstate.")
        if type != plain or plain in ("raise", "log") or (plain == "assign" and not self.ours):
            return self._built_in(plain, action, pointer)
        if self.ours or plain in _OURS:
            return self._of_name(type, action, pointer, depth)
        known = {key: value for key, value in action.items() if key in ("type", "params")}
        if (more := {key: value for key, value in action.items() if key not in known and value is not None}) and (
            not isinstance(known.get("params", {}), dict)
        ):
            more["value"] = known.pop("params")
        if more:
            self.ledger.rewritten(pointer, f"{', '.join(more)[:80]} of the action {type[:60]!r} stand in its params")
            known["params"] = {**known.get("params", {}), **more}
        return self._of_name(type, known, pointer, depth)

    def _built_in(self, kind: str, action: dict[str, Any], pointer: str) -> list[Any]:
        params = action.get("params")
        given = {**params, **action} if isinstance(params, dict) else action
        if kind == "assign":
            return self._assign(given, pointer)
        if kind == "log":
            args = given.get("args", given.get("expr", given.get("label")))
            return [{"type": "log", "args": args if isinstance(args, list) else [] if args is None else [args]}]
        if kind in _TO_OTHERS or (kind == "send" and given.get("to") and "event" in given and not self.ours):
            return self._to_others(kind, given, pointer)
        if kind in ("raise", "send", "emit"):
            return self._event(kind, given, action, pointer)
        if kind in _NO_PLACE:
            self.ledger.lost(pointer, f"{kind!r} is not carried: {_NO_PLACE[kind]}")
            return []
        return [{"type": kind, **{key: action[key] for key in ("params",) if key in action}}]

    def _assign(self, given: dict[str, Any], pointer: str) -> list[Any]:
        patch = given.get("context", given.get("assignment"))
        if isinstance(patch, dict) and patch and not any(key in patch for key in ("@code", "@expr")):
            return [{"type": "assign", "context": patch}]
        self.ledger.lost(pointer, "this assignment is code and is not carried: write it as a patch under `context`")
        return []

    def _to_others(self, kind: str, given: dict[str, Any], pointer: str) -> list[Any]:
        event = _event_of(given.get("event"))
        if event is None:
            self.ledger.lost(pointer, f"{kind!r} is not carried: its event is computed by code")
            return []
        self.ledger.rewritten(pointer, f"{kind!r} to another actor is emitted, for a service to pass on")
        return [{"type": "emit", "event": event}]

    def _event(self, kind: str, given: dict[str, Any], action: dict[str, Any], pointer: str) -> list[Any]:
        if kind == "send" and self.ours:
            return [{**action, "type": "send"}]
        event = _event_of(given.get("event"))
        if event is None:
            self.ledger.lost(pointer, f"{kind!r} is not carried: its event is computed by code")
            return []
        if given.get("delay"):
            self.ledger.lost(pointer, f"{event['type'][:60]!r} is not raised: its delay has no place; use `after`")
            return []
        return [{"type": "emit" if kind == "emit" else "raise", "event": event}]

    def _effect_of_code(self, pointer: str, code: str = "") -> str:
        self.unnamed += 1
        name = f"action_{self.unnamed}"
        said = f" ({code[:60]})" if code else ""
        self.ledger.rewritten(pointer, f"code{said} does not run here: the action is the named effect {name!r}")
        return name


def _event_of(written: Any) -> dict[str, Any] | None:
    if isinstance(written, str):
        return {"type": event_name(written)}
    if isinstance(written, dict) and isinstance(written.get("type"), str):
        return {**written, "type": event_name(written["type"])}
    return None
