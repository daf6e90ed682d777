"""Guards of XState's machines as ours: names, parameters, combinations, and conditions on states."""

from __future__ import annotations

import re
from typing import Any

from statewright.formats.naming import declared_name, is_code
from statewright.formats.notes import Ledger
from statewright.formats.xstate.tree import Node, Tree
from statewright.machine.problem import child

_WORDS = 2_000
_STATES_OF = {"stateValue": None, "state": None, "stateId": None, "id": None}.keys()
"""Under which keys tools write the state that `stateIn` asks for."""
_SIGNS = {"and": "&&", "or": "||"}


_DESCRIBED = 5
"""Deeper than this a combination is not described."""


class Guards:
    """Carries over the guards of one machine, and gathers those that a person must fill in (`{"when": null}`)."""

    def __init__(self, ledger: Ledger, tree: Tree, defined: dict[str, Any], *, language: str, ours: bool) -> None:
        self.ledger = ledger
        self.tree = tree
        self.language = language
        self.ours = ours
        self.defined = {name: self._definition(name, written) for name, written in defined.items()}
        self.unnamed = 0
        self._called: dict[str, str] = {}

    def _definition(self, name: str, written: Any) -> Any:
        if self.ours:
            return written
        pointer = child("/guards", name)
        when = written.get("when") if isinstance(written, dict) else None
        if isinstance(when, dict) and self._understood(when):
            return {**written, "when": {"@expr": when["@expr"]}} if "@expr" in when else written
        self.ledger.rewritten(pointer, f"the guard {name[:60]!r} is no CEL: fill in its `when`")
        return {"when": None}

    def _understood(self, condition: dict[str, Any]) -> bool:
        if "@code" in condition:
            return False
        return "@expr" not in condition or condition.get("@lang", self.language) == "cel"

    def carried(self, guard: Any, holder: Node, pointer: str) -> Any:
        """A guard in our form; never None, for a branch must not lose its guard unseen."""
        if self.ours:
            return guard
        if isinstance(guard, str) and guard.strip():
            return self._named(guard, pointer)
        if isinstance(guard, dict):
            if "@expr" in guard or "@code" in guard:
                if self._understood(guard):
                    return {"@expr": guard["@expr"]}
                return self._to_fill_in(pointer, str(guard.get("@expr", guard.get("@code"))))
            type = guard.get("type", guard.get("name"))
            if isinstance(type, str) and type.strip():
                return self._typed(type, guard, holder, pointer)
        return self._to_fill_in(pointer, "")

    def _typed(self, type: str, guard: dict[str, Any], holder: Node, pointer: str) -> Any:
        plain = type.removeprefix("@").removeprefix("xstate.")
        if plain in ("and", "or", "not", "stateIn") and not set(guard) <= {"type"}:
            text = self._text(guard, holder)
            return {"@expr": text} if text is not None else self._to_fill_in(pointer, _described(guard))
        if type == "xstate.guard":
            name = guard.get("name")
            return self._named(name, pointer) if isinstance(name, str) else self._to_fill_in(pointer, "")
        params = guard.get("params")
        more = {key: value for key, value in guard.items() if key not in ("type", "name", "params", "predicate")}
        if more:
            self.ledger.rewritten(pointer, f"{', '.join(more)[:80]} of the guard {type[:60]!r} stand in its params")
            params = {**(params if isinstance(params, dict) else {}), **more}
        name = self._named(type, pointer)
        return {"type": name, "params": params} if isinstance(params, dict) and params else {"type": name}

    def _named(self, written: str, pointer: str) -> str:
        if written in self._called:
            return self._called[written]
        name = declared_name(written)
        if name != written:
            name = self._called[written] = self._other_name(written, name, pointer)
        if name not in self.defined:
            self.defined[name] = {"when": None}
            self.ledger.rewritten(
                pointer, f"the guard {name[:60]!r} is code elsewhere: fill in its `when` under `guards`"
            )
        return name

    def _other_name(self, written: str, nearest: str, pointer: str) -> str:
        """What a guard is called whose name the language does not take; code is no name at all."""
        if is_code(written):
            return self._to_fill_in(pointer, written)
        self.ledger.rewritten(pointer, f"the guard {written[:60]!r} is called {nearest!r} here")
        return nearest

    def _to_fill_in(self, pointer: str, what: str) -> str:
        self.unnamed += 1
        name = f"guard_{self.unnamed}"
        while name in self.defined:
            self.unnamed += 1
            name = f"guard_{self.unnamed}"
        self.defined[name] = {"when": None, "description": what[:_WORDS]} if what else {"when": None}
        said = f" ({what[:60]})" if what else ""
        self.ledger.rewritten(pointer, f"this guard{said} is the guard {name!r} now: fill in its `when` under `guards`")
        return name

    def _text(self, guard: Any, holder: Node) -> str | None:
        """A combination as one expression; None where a part of it is known by name only."""
        if isinstance(guard, str):
            guard = {"type": guard}
        if not isinstance(guard, dict):
            return None
        if "@expr" in guard:
            return f"({guard['@expr']})" if self._understood(guard) else None
        type = str(guard.get("type", ""))
        plain = type.removeprefix("@").removeprefix("xstate.")
        if plain == "stateIn":
            return self.in_state(_first(guard, *_STATES_OF, "params", "value"), holder)
        if plain not in ("and", "or", "not"):
            when = self.defined.get(type, {}).get("when") if "params" not in guard else None
            return f"({when['@expr']})" if isinstance(when, dict) and "@expr" in when else None
        inner = _first(guard, "guards", "children", "params", "guard")
        parts = [self._text(each, holder) for each in (inner if isinstance(inner, list) else [inner])]
        if not parts or any(part is None for part in parts):
            return None
        return f"!{parts[0]}" if plain == "not" else f"({f' {_SIGNS[plain]} '.join(part or '' for part in parts)})"

    def in_state(self, value: Any, holder: Node) -> str | None:
        """The condition that a state is active, which XState gives by id, by path, or as nested objects."""
        if isinstance(value, dict) and len(value) == 1 and set(value) <= _STATES_OF:
            value = next(iter(value.values()))
        paths = self._paths(value, self.tree.root)
        if not paths:
            return None
        terms = [f"in_state('{path}')" for path in paths]
        return terms[0] if len(terms) == 1 else f"({' && '.join(terms)})"

    def _paths(self, value: Any, base: Node) -> list[str] | None:
        if isinstance(value, str):
            node = (
                self.tree.resolve(value, base)
                if value.startswith("#")
                else self.tree.resolve(self.tree.delimiter + value, base)
            )
            return None if node is None or not node.path or re.search(r"['\\]", node.path) else [node.path]
        if not isinstance(value, dict):
            return None
        found: list[str] = []
        for key, inner in value.items():
            below = base.children.get(key)
            paths = None if below is None else [below.path] if inner == {} else self._paths(inner, below)
            if paths is None:
                return None
            found.extend(paths)
        return found


def _first(guard: dict[str, Any], *keys: str) -> Any:
    return next((guard[key] for key in keys if key in guard), None)


def _described(guard: Any, depth: int = 0) -> str:
    """A combination in the signs of an expression, its parts by their names, for who fills it in."""
    if isinstance(guard, str):
        return guard
    if not isinstance(guard, dict) or depth > _DESCRIBED:
        return "…"
    if "@expr" in guard or "@code" in guard:
        return f"({guard.get('@expr', guard.get('@code'))})"
    type = str(guard.get("type", "…"))
    plain = type.removeprefix("@").removeprefix("xstate.")
    if plain == "stateIn":
        return f"in_state({_first(guard, *_STATES_OF, 'params', 'value')!r})"
    if plain not in ("and", "or", "not"):
        return type
    inner = _first(guard, "guards", "children", "params", "guard")
    parts = [_described(each, depth + 1) for each in (inner if isinstance(inner, list) else [inner])]
    if plain == "not":
        return f"!{parts[0] if parts else '…'}"
    text = f" {_SIGNS[plain]} ".join(parts)
    return f"({text})" if depth else text
