"""Definitions as SCXML; what only our language has stands in elements and attributes of a namespace of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
import orjson

from statewright.formats.naming import Names
from statewright.formats.notes import Exported, Ledger
from statewright.formats.scxml.content import Content, assignments, css_of, elements_of
from statewright.formats.scxml.words import ADDED, AFTER, EVENT, KEY, OURS, ROOT, SCXML
from statewright.formats.written import Place, branch_of, states_in
from statewright.formats.xml import Element, write_xml
from statewright.machine.definition import Definition
from statewright.machine.problem import child, pointer_of
from statewright.machine.targets import States

_NOT_IN_ID = re.compile(r"[^\w.\-]")
_IN_STATE = re.compile(r"in_state\(\s*(['\"])([^'\"]*)\1\s*\)")
_TEXT_OR_NOT = re.compile(r"(in_state\(\s*(?:'[^']*'|\"[^\"]*\")\s*\)|'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")")
_FIELD = re.compile(r"(?<![\w.])context\.([A-Za-z_]\w*)")
_PAYLOAD = re.compile(r"(?<![\w.])event\.([A-Za-z_]\w*)")
_NOT_IN_XML = re.compile("[\ufffe\uffff]")
_ROOT_NEEDS = ("on", "always", "after", "entry", "exit", "onDone")
_LAID = ("id", "label", "description", "tags", "sla", "meta")
_BRANCH_LAID = ("allow", "keep", "context", "label", "description", "meta")


def write_scxml(document: dict[str, Any]) -> Exported:
    """A well-formed document as SCXML 1.0, and what SCXML has no place for.

    Read back it is the same document, but for the order of its keys and for shorthands.
    """
    writer = _Writer(document)
    text = write_xml(writer.root(), {"": SCXML, "sw": OURS})
    return Exported(text, tuple(writer.ledger.notes))


class _Writer:
    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        self.ledger = Ledger()
        self.states = States(msgspec.convert(document, Definition))
        self.places = {place.path: place for place in states_in(document)}
        names = Names()
        self.wrapped = any(document.get(key) for key in _ROOT_NEEDS) or document.get("type") == "parallel"
        self.ids = {"": names.take(_id(document["id"]))} if self.wrapped else {"": ""}
        self.ids |= {path: names.take(_id(path)) for path in self.places}
        self.paths = {id: path for path, id in self.ids.items() if path}
        self.fields = _fields(document)
        self.content = Content(Ledger(), set(self.fields), self.paths.get)

    # --- the whole

    def root(self) -> Element:
        written = self.document
        root = Element("scxml", {"version": "1.0", "datamodel": "ecmascript", "name": written["id"]}, SCXML)
        native = {"id", "initial", "states", *_ROOT_NEEDS}
        ours = {"language": 1, **{key: value for key, value in written.items() if key not in native}}
        for key in ("on", "after"):
            if key in written and not written[key]:
                ours[key] = written[key]
        for key in ("guards", "roles", "relations", "schemas", "keep", "delays"):
            if written.get(key):
                self.ledger.lost(pointer_of(key), f"SCXML has no {key!r}: it is kept in our own namespace")
        ours |= {
            key: None for key in ("schemas", "context", "type", "initial", "guards", "delays") if key not in written
        }
        root.add(_keys(ours))
        if self.fields:
            root.add(Element("datamodel").add(*(_data(*item) for item in self.fields.items())))
        place = Place("", written, "")
        if not self.wrapped:
            self._initial(root, place)
            return root.add(*self._children(place))
        kind = "parallel" if written.get("type") == "parallel" else "state"
        inner = Element(kind, {"id": self.ids[""], ROOT: "true"})
        self._body(inner, place)
        end = f"{self.ids['']}.end"
        inner.add(Element("transition", {"event": f"done.state.{self.ids['']}", "target": end, ADDED: "true"}))
        return root.add(inner, Element("final", {"id": end, ADDED: "true"}))

    def _children(self, place: Place) -> Iterator[Element]:
        for name in place.written.get("states", {}):
            yield self._state(self.places[f"{place.path}.{name}" if place.path else name])

    # --- one state

    def _state(self, place: Place) -> Element:
        written = place.written
        kind = written.get("type")
        name = kind if kind in ("parallel", "final", "history") else "state"
        element = Element(name, {"id": self.ids[place.path]})
        key, parent = place.path.rpartition(".")[2], self.ids[place.path.rpartition(".")[0]]
        if self.ids[place.path].removeprefix(f"{parent}.") != key:
            element.attributes[KEY] = key
        ours = {each: written[each] for each in _LAID if each in written}
        if name == "state" and kind is not None:
            ours["type"] = kind
        if "sla" in ours:
            self.ledger.lost(child(place.pointer, "sla"), "SCXML has no `sla`")
        if name == "history":
            self._history(element, place, ours)
        self._body(element, place, ours)
        return element

    def _body(self, element: Element, place: Place, ours: dict[str, Any] | None = None) -> None:
        written, ours = place.written, {} if ours is None else ours
        blocks = [
            (key, name, self._content(written[key], child(place.pointer, key), ours, key))
            for key, name in (("entry", "onentry"), ("exit", "onexit"))
            if key in written
        ]
        sends = list(self._timers(place))
        order = self._order(place)
        if order:
            ours["on"] = order
        elif "on" in written and not written["on"]:
            ours["on"] = {}
        for key in ("after", "always", "onDone"):
            if written.get(key, None) in ([], {}):
                ours[key] = written[key]
        if place.path and written.get("states") and element.name != "history":
            if "initial" not in written and element.name == "state":
                ours["initial"] = None
            elif "initial" in written and (element.name == "parallel" or written["initial"] not in written["states"]):
                ours["initial"] = written["initial"]
        elif "initial" in written and place.path:
            ours["initial"] = written["initial"]
        if "history" in written and element.name != "history":
            ours["history"] = written["history"]
        if "states" in written and not written["states"] and place.path:
            ours["states"] = {}
        if ours:
            element.add(_keys(ours))
        if element.name == "state":
            self._initial(element, place)
        for key, name, content in blocks:
            more = sends if key == "entry" else []
            element.add(Element(name).add(*content, *more))
            sends = [] if key == "entry" else sends
        if sends:
            element.add(Element("onentry", {ADDED: "true"}).add(*sends))
            cancels = (Element("cancel", {"sendid": send.get("id")}) for send in sends)
            element.add(Element("onexit", {ADDED: "true"}).add(*cancels))
        element.add(*self._transitions(place))
        element.add(*self._children(place))

    def _initial(self, element: Element, place: Place) -> None:
        initial = place.written.get("initial")
        path = f"{place.path}.{initial}" if place.path else initial
        if path in self.ids and initial:
            element.attributes["initial"] = self.ids[path]

    def _history(self, element: Element, place: Place, ours: dict[str, Any]) -> None:
        written = place.written
        element.attributes["type"] = written.get("history", "shallow")
        if "history" not in written:
            ours["history"] = None
        holder = place.path.rpartition(".")[0]
        target = written.get("target")
        path = self.states.resolve(target, place.path) if isinstance(target, str) else None
        if target is None:
            ours["target"] = None
            initial = (self.places[holder].written if holder else self.document).get("initial")
            path = f"{holder}.{initial}" if holder else initial
        elif path is None or self._canonical(path, place.path) != target:
            ours["target"] = target
        if path in self.ids:
            element.add(Element("transition", {"target": self.ids[str(path)]}))

    def _content(self, actions: Any, pointer: str, ours: dict[str, Any], key: str) -> list[Element]:
        """Actions as executable content; those that would not be read back as they are stand in `ours` besides."""
        elements = elements_of(actions, self._js)
        read = self.content.actions(Element("onentry").add(*elements))
        if read != (actions if isinstance(actions, list) else [actions]) or actions == []:
            ours[key] = actions
        for index, action in enumerate(actions if isinstance(actions, list) else [actions]):
            kind = action.get("type", "") if isinstance(action, dict) else action
            if kind not in ("raise", "log", "assign"):
                at = child(pointer, index) if isinstance(actions, list) else pointer
                self.ledger.lost(at, f"{str(kind)[:60]!r} is sent to a processor of ours, which others do not have")
        return elements

    def _js(self, text: str) -> str:
        """An expression for other readers: what asks for a state is said as SCXML does."""
        parts = _TEXT_OR_NOT.split(text)
        return "".join(
            self._outside(part) if not index % 2 or part.startswith("in_state") else part
            for index, part in enumerate(parts)
        )

    def _outside(self, text: str) -> str:
        """The part of an expression that is no text literal."""
        if found := _IN_STATE.fullmatch(text):
            return f"In('{self.ids.get(found[2], found[2])}')"
        text = _FIELD.sub(lambda found: found[1] if found[1] in self.fields else found[0], text)
        return _PAYLOAD.sub(lambda found: "_event.name" if found[1] == "type" else f"_event.data.{found[1]}", text)

    # --- transitions

    def _timers(self, place: Place) -> Iterator[Element]:
        for key in place.written.get("after", {}):
            delay = css_of(key) or self._named_delay(key)
            event = _timer(key, self.ids[place.path])
            if delay is None:
                at = place.pointer + pointer_of("after", key)
                self.ledger.lost(at, f"SCXML has no delay {key[:60]!r}: write its `delayexpr`")
                delay = "0s"
            yield Element("send", {"event": event, "id": event, "delay": delay, ADDED: "true"})

    def _named_delay(self, key: str) -> str | None:
        named = self.document.get("delays", {}).get(key)
        duration = named.get("duration") if isinstance(named, dict) else named
        return css_of(duration) if isinstance(duration, str) else None

    def _order(self, place: Place) -> list[str] | None:
        """The order of descriptors, where SCXML needs another: there the first that matches is taken."""
        written = list(place.written.get("on", {}))
        return written if written != sorted(written, key=_exactness) else None

    def _transitions(self, place: Place) -> Iterator[Element]:
        written = place.written
        on = written.get("on", {})
        for event in sorted(on, key=_exactness):
            attributes = {"event": "_".join(event.split()), EVENT: event} if " " in event else {"event": event}
            yield from self._branches(on[event], place, attributes, place.pointer + pointer_of("on", event))
        for key, branches in written.get("after", {}).items():
            attributes = {"event": _timer(key, self.ids[place.path]), AFTER: key}
            yield from self._branches(branches, place, attributes, place.pointer + pointer_of("after", key))
        if "onDone" in written:
            attributes = {"event": f"done.state.{self.ids[place.path]}"}
            yield from self._branches(written["onDone"], place, attributes, child(place.pointer, "onDone"))
        if "always" in written:
            yield from self._branches(written["always"], place, {}, child(place.pointer, "always"))

    def _branches(self, written: Any, place: Place, attributes: dict[str, str], pointer: str) -> Iterator[Element]:
        if written == []:
            self.ledger.lost(pointer, "an empty list has no place in SCXML")
        for index, branch in enumerate(written if isinstance(written, list) else [written]):
            at = child(pointer, index) if isinstance(written, list) else pointer
            target_at = at if isinstance(branch, str) else child(at, "target")
            yield self._branch(branch_of(branch), place, dict(attributes), at, target_at)

    def _branch(
        self, branch: dict[str, Any], place: Place, attributes: dict[str, str], pointer: str, target_at: str
    ) -> Element:
        ours = {key: branch[key] for key in _BRANCH_LAID if key in branch}
        for key, why in (("allow", "who may send an event"), ("keep", "what an event carries into the data")):
            if key in ours:
                self.ledger.lost(child(pointer, key), f"SCXML does not say {why}")
        self._target(branch, place, attributes, ours, target_at)
        if "guard" in branch:
            self._guard(branch["guard"], attributes, ours, child(pointer, "guard"))
        content = assignments(branch["context"], self._js) if isinstance(branch.get("context"), dict) else []
        patches = [Element(each.name, {**each.attributes, ADDED: "true"}) for each in content]
        actions = (
            self._content(branch["actions"], child(pointer, "actions"), ours, "actions") if "actions" in branch else []
        )
        element = Element("transition", attributes)
        if ours:
            element.add(_keys(ours))
        return element.add(*patches, *actions)

    def _target(
        self, branch: dict[str, Any], place: Place, attributes: dict[str, str], ours: dict[str, Any], pointer: str
    ) -> None:
        target = branch.get("target")
        targets = target if isinstance(target, list) else [target] if target is not None else []
        paths = [self.states.resolve(each, place.path) for each in targets]
        known = [path for path in paths if path is not None]
        if len(known) < len(targets):
            self.ledger.lost(pointer, "this target leads nowhere")
        ids = [self.ids[path] for path in known]
        inside = bool(known) and all(_inside(path, place.path) for path in known)
        inward = inside and len(known) == len(targets)
        reenter = branch.get("reenter") is True
        stays = False
        if inward and not reenter:
            stays = self._stay(known, place, attributes, pointer)
        if ids and not stays:
            attributes["target"] = " ".join(ids)
        canonical = [self._canonical(path, place.path) for path in known]
        as_read = canonical[0] if len(canonical) == 1 else canonical
        if stays or (target is not None and as_read != target):
            ours["target"] = target
        read_reenter = inside and "target" in attributes and attributes.get("type") != "internal"
        # What a history may lead to depends on the life, so it is said whether the state is left for it.
        unsure = any(path and self.states.by_path[path].type == "history" for path in known)
        if unsure or read_reenter != branch.get("reenter", False) or (branch.get("reenter") is False):
            ours["reenter"] = branch.get("reenter")

    def _stay(self, paths: list[str], place: Place, attributes: dict[str, str], pointer: str) -> bool:
        """A transition inwards that does not leave the state; whether it has no target there."""
        composite = bool(place.written.get("states"))
        if not composite:
            return True
        if place.written.get("type") == "parallel" or place.path in paths:
            self.ledger.lost(pointer, "SCXML leaves the state here and enters it again")
            return False
        attributes["type"] = "internal"
        return False

    def _canonical(self, to: str, holder: str) -> str:
        parent = to.rpartition(".")[0]
        if to and parent == holder:
            return "." + to.rpartition(".")[2]
        if to and holder and parent == holder.rpartition(".")[0]:
            return to.rpartition(".")[2]
        return f"#{self.document['id']}.{to}" if to else f"#{self.document['id']}"

    def _guard(self, guard: Any, attributes: dict[str, str], ours: dict[str, Any], pointer: str) -> None:
        text = guard.get("@expr") if isinstance(guard, dict) else None
        if text is None:
            name = guard if isinstance(guard, str) else guard.get("type") if isinstance(guard, dict) else None
            when = self.document.get("guards", {}).get(name)
            when = when.get("when") if isinstance(when, dict) else None
            text = when.get("@expr") if isinstance(when, dict) else None
        attributes["cond"] = self._js(text) if isinstance(text, str) else "true"
        if not isinstance(guard, dict) or self.content.value(attributes["cond"]) != (guard,):
            ours["guard"] = guard
        if not isinstance(text, str):
            self.ledger.lost(
                pointer, "the condition of this guard is not written down: SCXML always takes the transition"
            )


def _fields(document: dict[str, Any]) -> dict[str, Any]:
    """The fields of the data with their first values; null where there is none."""
    schema = document.get("schemas", {}).get("context") or {}
    named = schema.get("properties", {})
    known = dict.fromkeys(named) if isinstance(named, dict) else {}
    return {key: value for key, value in {**known, **document.get("context", {})}.items() if key.isidentifier()}


def _keys(ours: dict[str, Any]) -> Element:
    text = _NOT_IN_XML.sub(lambda sign: f"\\u{ord(sign[0]):04x}", orjson.dumps(ours).decode())
    return Element("keys", namespace=OURS, text=text)


def _data(id: str, value: Any) -> Element:
    return Element("data", {"id": id, "expr": orjson.dumps(value).decode()})


def _id(path: str) -> str:
    """An id that XML takes (an NCName), as near to the path as can be."""
    plain = _NOT_IN_ID.sub("_", path)
    return plain if plain[:1].isalpha() or plain[:1] == "_" else f"_{plain}"


def _timer(key: str, id: str) -> str:
    return f"after.{_NOT_IN_ID.sub('_', key)}.{id}"


def _inside(path: str, holder: str) -> bool:
    return path == holder or not holder or path.startswith(holder + ".")


def _exactness(descriptor: str) -> tuple[int, int]:
    """Exact names first, then the longer prefix, then `*`: the order in which they are tried."""
    if descriptor == "*":
        return 2, 0
    return (1, -descriptor.count(".")) if descriptor.endswith(".*") else (0, 0)
