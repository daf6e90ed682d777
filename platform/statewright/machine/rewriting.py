"""Spellings of XState's earlier and later versions, rewritten to the language's own before a document is checked.

What is rewritten keeps its place: problems are told at the pointer where it stands in the document as it was sent.
"""

from __future__ import annotations

from typing import Any

from statewright.machine.moments import text_of_duration
from statewright.machine.problem import child, pointer_of

PREFIX = "@xstate."
"""Stands before the names of XState's own actions in its version 6."""
_BUILT_IN = frozenset({"assign", "raise", "emit", "log"})


class Rewritten:
    """A document in the language's own spelling, and where its parts stood before."""

    def __init__(self, document: Any) -> None:
        self._moved: dict[str, str] = {}
        self.document = self._holder(document, "", root=True) if isinstance(document, dict) else document

    def original(self, pointer: str) -> str:
        """Where what stands at `pointer` now stood in the document as it was sent."""
        head, tail = pointer, ""
        while head not in self._moved:
            if not head:
                return pointer
            head, _, step = head.rpartition("/")
            tail = f"/{step}{tail}"
        above, _, step = self._moved[head].rpartition("/")
        return f"{self.original(above)}/{step}{tail}"

    def _move(self, now: str, before: str) -> None:
        self._moved[now] = before

    # --- states

    def _holder(self, written: dict[str, Any], at: str, *, root: bool = False) -> dict[str, Any]:
        """A state or the whole definition, which stands at `at`."""
        made = dict(written)
        self._free(made, at, root)
        self._choice(made, at)
        self._timeout(made, at)
        if isinstance(made.get("initial"), dict) and set(made["initial"]) == {"target"}:
            made["initial"] = made["initial"]["target"]
        if isinstance(made.get("on"), dict):
            self._on(made, at)
        for key in ("always", "onDone"):
            if key in made:
                made[key] = self._branches(made[key], child(at, key))
        if isinstance(made.get("after"), dict):
            made["after"] = self._after(made["after"], child(at, "after"))
        for key in ("entry", "exit"):
            if key in made:
                made[key] = self._actions(made[key])
        if root and isinstance(made.get("delays"), dict):
            made["delays"] = {name: duration_of(value) for name, value in made["delays"].items()}
        if isinstance(made.get("states"), dict):
            below = child(at, "states")
            made["states"] = {
                name: self._holder(state, child(below, name)) if isinstance(state, dict) else state
                for name, state in made["states"].items()
            }
        return made

    def _free(self, made: dict[str, Any], at: str, root: bool) -> None:
        """`version` and `key` say nothing here, and are kept as free content."""
        for key in ("version", "key") if root else ("key",):
            if key in made and isinstance(made.get("meta", {}), dict):
                value = made.pop(key)
                made["meta"] = {key: value, **made.get("meta", {})}
                self._move(at + pointer_of("meta", key), child(at, key))

    def _choice(self, made: dict[str, Any], at: str) -> None:
        """A state that only chooses is one that is left at once."""
        if "choice" in made and "always" not in made:
            made["always"] = made.pop("choice")
            self._move(child(at, "always"), child(at, "choice"))
            if made.get("type") == "choice":
                del made["type"]

    def _timeout(self, made: dict[str, Any], at: str) -> None:
        if "timeout" in made and "onTimeout" in made and isinstance(made.get("after", {}), dict):
            key = duration_of(made["timeout"])
            if isinstance(key, str) and key not in made.get("after", {}):
                del made["timeout"]
                made["after"] = {**made.get("after", {}), key: made.pop("onTimeout")}
                self._move(at + pointer_of("after", key), child(at, "onTimeout"))

    def _on(self, made: dict[str, Any], at: str) -> None:
        on = dict(made["on"])
        if "" in on:
            # The empty event was how version 4 wrote `always`; the few documents that have both list both.
            early = on.pop("")
            late = made.get("always", [])
            empty = at + pointer_of("on", "")
            if not late:
                made["always"] = early
                self._move(child(at, "always"), empty)
            else:
                one, other = _listed(early), _listed(late)
                made["always"] = [*one, *other]
                for index in range(len(one)):
                    was = child(empty, index) if isinstance(early, list) else empty
                    self._move(at + pointer_of("always", index), was)
                for index in range(len(other)):
                    was = at + (pointer_of("always", index) if isinstance(late, list) else pointer_of("always"))
                    self._move(at + pointer_of("always", len(one) + index), was)
        pointer = child(at, "on")
        made["on"] = {event: self._branches(branches, child(pointer, event)) for event, branches in on.items()}

    def _after(self, written: dict[str, Any], at: str) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key, branches in written.items():
            name = delay_of(key)
            if name in made or (name != key and name in written):
                name = key  # two ways to write one delay: left as it is, and told as a duration that is none
            if name != key:
                self._move(child(at, name), child(at, key))
            made[name] = self._branches(branches, child(at, name))
        return made

    # --- branches and actions

    def _branches(self, written: Any, at: str) -> Any:
        if isinstance(written, list):
            return [self._branch(item, child(at, index)) for index, item in enumerate(written)]
        return self._branch(written, at)

    def _branch(self, written: Any, at: str) -> Any:
        if not isinstance(written, dict):
            return written
        made = dict(written)
        if "cond" in made and "guard" not in made:
            made["guard"] = made.pop("cond")
            self._move(child(at, "guard"), child(at, "cond"))
        if "actions" in made:
            made["actions"] = self._actions(made["actions"])
        return made

    def _actions(self, written: Any) -> Any:
        if isinstance(written, list):
            return [self._action(item) for item in written]
        return self._action(written)

    def _action(self, written: Any) -> Any:
        if isinstance(written, dict) and isinstance(written.get("type"), str):
            name = written["type"].removeprefix(PREFIX)
            if name != written["type"] and name in _BUILT_IN:
                return {**written, "type": name}
        return written


def _listed(written: Any) -> list[Any]:
    return written if isinstance(written, list) else [written]


def delay_of(key: str) -> str:
    """A key of `after` in the language's own spelling: milliseconds as an ISO 8601 duration, others as they are."""
    return str(duration_of(int(key))) if key.isascii() and key.isdigit() and len(key) < 16 else key


def duration_of(value: Any) -> Any:
    """Milliseconds as an ISO 8601 duration; anything else as it is."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0 or value > 1e15:
        return value
    return text_of_duration(round(value * 1_000))
