"""Reading XState machine JSON (versions 4, 5 and 6) into a document of our language."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import orjson

from statewright.formats.folding import is_ours, unfolded
from statewright.formats.notes import Imported, Ledger, Note, Unreadable
from statewright.formats.proposing import context_schema
from statewright.formats.written import keys_of
from statewright.formats.xstate.states import States
from statewright.formats.xstate.tree import Tree
from statewright.machine.definition import Definition
from statewright.machine.faults import Fault
from statewright.machine.names import fault_of_event_name
from statewright.machine.outline import outline
from statewright.machine.reading import read_definition

SIZE = 2 * 1024 * 1024
"""The largest text that is read, in bytes; a definition may have a quarter of it."""

_WRAPPERS = ("machine", "config", "definition", "machineConfig", "machines")
_VERSION_4 = re.compile(
    rb'"(?:cond|internal|activities|services|predictableActionArguments|preserveActionOrder|tsTypes|onEntry|onExit|in)"\s*:'
)
_TYPE_KEYS = ("$schema", "label", "description", "tags", "creation", "keep", "partition_by", "roles", "relations",
              "internalEvents", "migrations")  # fmt: skip
_KNOWN_ON_MACHINE = frozenset(
    (*_TYPE_KEYS, "id", "@exprLang", "schemas", "context", "guards", "delays", "actions", "delimiter")
)
_ORDER = keys_of(Definition)
_LABEL = 200
_ONLY_STATE = "active"


def read_xstate(text: bytes, *, name: str = "machine") -> Imported:
    """Read a machine as JSON; `name` is what it is called where it has no id.

    Raises Unreadable when the text is no JSON, or no machine.
    """
    if len(text) > SIZE:
        raise Unreadable(f"the text has {len(text):,} bytes; at most {SIZE:,} are read")
    try:
        places = outline(text)
    except Fault as fault:
        raise Unreadable(_hint(fault.sentence, text), fault.spot.line, fault.spot.column) from None
    raw, way = _unwrapped(orjson.loads(text))
    ledger = Ledger()
    document = _Machine(raw, name, ledger, version_4=_VERSION_4.search(text) is not None).document()
    placed = []
    for note in ledger.notes:
        _, spot = places.nearest(way + note.pointer)
        place = {"pointer": way + note.pointer, "line": spot.line, "column": spot.column}
        placed.append(msgspec.structs.replace(note, **place))
    placed.sort(key=_place)
    return Imported(document, tuple(placed), read_definition(orjson.dumps(document)))


def _place(note: Note) -> tuple[int, int]:
    return note.line or 0, note.column or 0


def _hint(sentence: str, text: bytes) -> str:
    if re.search(rb"createMachine|=>|\bexport\b|\bconst\b", text[:20_000]):
        return (
            f"{sentence}; this looks like JavaScript: write JSON.stringify(machine.config) into a file and import that"
        )
    return sentence


def _unwrapped(raw: Any, way: str = "", depth: int = 0) -> tuple[dict[str, Any], str]:
    """The machine in what tools wrap around it."""
    if isinstance(raw, list) and len(raw) == 1 and depth < 3:
        return _unwrapped(raw[0], f"{way}/0", depth + 1)
    if not isinstance(raw, dict):
        raise Unreadable("an object is expected: the configuration of a machine")
    if isinstance(raw.get("states"), dict) or isinstance(raw.get("on"), dict):
        return raw, way
    for key in _WRAPPERS:
        if isinstance(raw.get(key), dict | list) and depth < 3:
            return _unwrapped(raw[key], f"{way}/{key}", depth + 1)
    if "id" in raw or "initial" in raw:
        return raw, way
    raise Unreadable("this object is no machine: it has neither `states` nor `initial`")


class _Machine:
    def __init__(self, raw: dict[str, Any], name: str, ledger: Ledger, *, version_4: bool) -> None:
        self.ours = is_ours(raw)
        self.raw = {key: value for key, value in unfolded(raw).items() if key != "language" or not self.ours}
        self.ledger = ledger
        self.tree = Tree(_unfolded_states(self.raw), name)
        self.states = States(self.tree, ledger, ours=self.ours, version_4=version_4 and not self.ours)

    def document(self) -> dict[str, Any]:
        raw = self.tree.root.raw
        found: dict[str, Any] = {
            key: raw[key] for key in _TYPE_KEYS if raw.get(key) is not None and (self.ours or raw[key] != "")
        }
        found["id"] = self.tree.root.id
        if found["id"] != self.tree.old_id:
            found.setdefault("label", self.tree.old_id[:_LABEL])
            self.ledger.rewritten("/id" if "id" in raw else "", f"the type is called {found['id']!r} here")
        body = self.states.machine(_KNOWN_ON_MACHINE)
        found |= body
        if raw.get("@exprLang") == "cel":
            found["@exprLang"] = "cel"
        self._schemas(raw, found)
        self._context(raw, found)
        self._guards_and_delays(raw, found)
        if not found.get("states"):
            found["states"] = {}
            if not self.ours:
                found |= {"initial": _ONLY_STATE, "states": {_ONLY_STATE: {}}}
                self.ledger.rewritten("", f"the machine has no states, so it is always in one, {_ONLY_STATE!r}")
        return {key: found[key] for key in _ORDER if key in found}

    def _schemas(self, raw: dict[str, Any], found: dict[str, Any]) -> None:
        written = raw.get("schemas")
        if not isinstance(written, dict):
            return
        schemas: dict[str, Any] = {}
        if isinstance(written.get("context"), dict):
            schemas["context"] = written["context"]
        if isinstance(events := written.get("events"), dict):
            schemas["events"] = {}
            for event, schema in events.items():
                if isinstance(schema, dict) and fault_of_event_name(event) is None:
                    schemas["events"][event] = schema
                else:
                    self.ledger.lost(
                        f"/schemas/events/{event[:60]}", f"the schema of {event[:60]!r} cannot be taken over"
                    )
        for key in written.keys() - {"context", "events"}:
            self.ledger.lost(f"/schemas/{key}", f"schemas of {key!r} have no place here")
        if schemas or self.ours:
            found["schemas"] = schemas

    def _context(self, raw: dict[str, Any], found: dict[str, Any]) -> None:
        if "context" not in raw or raw["context"] is None:
            return
        written = raw["context"]
        if not isinstance(written, dict) or "@code" in written or "@expr" in written:
            self.ledger.lost("/context", "the initial data is code; entities begin with what their creator gives")
            return
        if written or self.ours:
            found["context"] = written
        schemas = found.get("schemas", {})
        if written and not self.ours and "context" not in schemas:
            found["schemas"] = {"context": context_schema(written), **schemas}
            self.ledger.rewritten("/context", "a schema of the data is proposed from the initial data: look it over")

    def _guards_and_delays(self, raw: dict[str, Any], found: dict[str, Any]) -> None:
        if self.states.guards.defined or (self.ours and "guards" in raw):
            found["guards"] = self.states.guards.defined
        if self.states.delays or (self.ours and "delays" in raw):
            found["delays"] = self.states.delays


def _unfolded_states(raw: dict[str, Any]) -> dict[str, Any]:
    states = raw.get("states")
    if not isinstance(states, dict):
        return raw
    inner = {
        key: _unfolded_states(unfolded(state)) if isinstance(state, dict) else state for key, state in states.items()
    }
    return {**raw, "states": inner}
