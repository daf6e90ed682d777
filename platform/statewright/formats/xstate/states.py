"""States and transitions of XState's machines as ours."""

from __future__ import annotations

import itertools
import re
from typing import Any

from statewright.formats.folding import unfolded
from statewright.formats.naming import declared_name, is_code, iso_of_ms, iso_of_words
from statewright.formats.notes import Ledger
from statewright.formats.written import keys_of
from statewright.formats.xstate.actions import Actions
from statewright.formats.xstate.events import Events
from statewright.formats.xstate.guards import Guards
from statewright.formats.xstate.invoking import Invocations
from statewright.formats.xstate.tree import Node, Tree
from statewright.machine import definition
from statewright.machine.names import fault_of_state_name
from statewright.machine.problem import child

START = "start"
"""The state that stands for an `initial` which does more than name a child."""

_LABEL = 200
_WORDS = 2_000
_ONLY_HERE = frozenset(("id", "order", "transitions", "machine", "delimiter", "strict", "predictableActionArguments",
                        "preserveActionOrder", "tsTypes", "eventType", "source", "actors", "services"))  # fmt: skip
"""What tools write that says nothing about the life of an entity, or says it twice."""
_CARRIED = frozenset((*keys_of(definition.State), "parallel", "invoke", "afterKeys", "onEntry", "onExit", "choice",
                      "timeout", "onTimeout", "activities"))  # fmt: skip
_WHY_NOT = {
    "onError": "an error refuses the whole event here",
    "route": "use `on` with the event's name",
    "output": "keep what is needed in `context`",
    "data": "keep what is needed in `context`",
    "input": "send it as `data` when the entity is created",
}
_ORDER = keys_of(definition.State)
_BRANCH_ORDER = keys_of(definition.Branch)
_BRANCH_KNOWN = frozenset((*_BRANCH_ORDER, "cond", "in", "internal", "source", "eventType", "event", "delay", "order",
                           "when"))  # fmt: skip


class States:
    """Carries over all states of one machine."""

    def __init__(self, tree: Tree, ledger: Ledger, *, ours: bool, version_4: bool) -> None:
        raw = tree.root.raw
        self.tree = tree
        self.ledger = ledger
        self.ours = ours
        self.version_4 = version_4
        language = str(raw.get("@exprLang", "cel"))
        self.guards = Guards(ledger, tree, _object(raw.get("guards")), language=language, ours=ours)
        self.actions = Actions(ledger, _object(raw.get("actions")) if not ours else {}, ours=ours)
        self.delays = {name: self._delay(name, value) for name, value in _object(raw.get("delays")).items()}
        self.invocations = Invocations(tree, ledger)
        self.events = Events(tree, ledger, self.invocations, ours=ours, version_4=version_4)

    def machine(self, known: frozenset[str]) -> dict[str, Any]:
        """The keys of the machine that states have too."""
        found = self._state(self.tree.root, known)
        for key in ("label", "description", "tags", "id"):
            found.pop(key, None)
        if found.get("type") not in ("parallel", "compound"):
            found.pop("type", None)
        if self.tree.root.raw.get("description") or (self.ours and "description" in self.tree.root.raw):
            found["description"] = _text(self.tree.root.raw["description"])[:_WORDS]
        for key in ("version", "key"):
            if key in self.tree.root.raw and not self.ours and self.tree.root.raw[key] not in (None, self.tree.old_id):
                found.setdefault("meta", {})[key] = self.tree.root.raw[key]
        return found

    # --- one state

    def _state(self, node: Node, known: frozenset[str] = frozenset()) -> dict[str, Any]:
        raw, found = node.raw, dict[str, Any]()
        self._words(node, found)
        self._kind(node, found)
        for key, older in (("entry", "onEntry"), ("exit", "onExit")):
            at = key if key in raw else older
            if raw.get(at) not in (None, []):
                found[key] = self.actions.carried(raw[at], child(node.pointer, at))
        self._states(node, found)
        self._transitions(node, found)
        self._invoked(node, found)
        if node.raw.get("sla") is not None:
            found["sla"] = node.raw["sla"]
        self._rest(node, found, known)
        return {key: found[key] for key in _ORDER if key in found and (self.ours or found[key] not in ([], {}))}

    def _words(self, node: Node, found: dict[str, Any]) -> None:
        raw = node.raw
        if node.id is not None:
            found["id"] = node.id
        if raw.get("label") or (self.ours and "label" in raw):
            found["label"] = _text(raw["label"])[:_LABEL]
        elif node.name != node.key and node.key.strip() and node.parent is not None:
            found["label"] = node.key.strip()[:_LABEL]
            self.ledger.rewritten(node.pointer, f"the state is called {node.name!r} here, and its name is the label")
        if raw.get("description") or (self.ours and "description" in raw):
            found["description"] = _text(raw["description"])[:_WORDS]
        tags = raw.get("tags")
        if tags or (self.ours and "tags" in raw):
            found["tags"] = [_text(tag) for tag in (tags if isinstance(tags, list) else [tags])]

    def _kind(self, node: Node, found: dict[str, Any]) -> None:
        raw, kind = node.raw, node.raw.get("type")
        history = raw.get("history")
        if history in (True, "shallow", "deep") or kind == "history":
            found["type"] = "history"
            if history in ("deep", "shallow"):
                found["history"] = history
            self._history_target(node, found)
        elif kind == "parallel" or raw.get("parallel") is True:
            found["type"] = "parallel"
        elif kind == "final" or (self.ours and kind in ("atomic", "compound")):
            found["type"] = kind

    def _history_target(self, node: Node, found: dict[str, Any]) -> None:
        target = node.raw.get("target")
        targets = target if isinstance(target, list) else [target] if isinstance(target, str) else []
        if not targets or node.parent is None:
            return
        if len(targets) == 1 and isinstance(targets[0], str):
            found["target"] = self.target(targets[0], node, child(node.pointer, "target"))
        else:
            self.ledger.rewritten(
                child(node.pointer, "target"), "the default of a history is one state: the first is kept"
            )
            found["target"] = self.target(str(targets[0]), node, child(node.pointer, "target"))

    def _states(self, node: Node, found: dict[str, Any]) -> None:
        if not node.children:
            return
        states = {inner.name: self._state(inner) for inner in node.children.values()}
        initial = node.raw.get("initial")
        if found.get("type") == "parallel" and not self.ours:
            initial = None
        elif not self.ours or isinstance(initial, dict | list):
            initial = self._initial(initial, node, states)
        if initial is not None:
            found["initial"] = initial
        found["states"] = states

    def _initial(self, initial: Any, node: Node, states: dict[str, Any]) -> str | None:
        pointer = child(node.pointer, "initial")
        actions = initial.get("actions") if isinstance(initial, dict) else None
        target = initial.get("target") if isinstance(initial, dict) else initial
        targets = [each for each in (target if isinstance(target, list) else [target]) if isinstance(each, str)]
        if not targets:
            first = next((name for name, state in states.items() if state.get("type") != "history"), None)
            self.ledger.rewritten(node.pointer, f"no initial state is named: the first, {first!r}, is")
            return first
        nodes = [self._initial_node(each, node) for each in targets]
        if len(nodes) == 1 and not actions:
            if nodes[0] is None:
                return targets[0]
            if nodes[0].parent is node:
                return nodes[0].name
        return self._start(node, states, [each for each in nodes if each is not None], actions, pointer)

    def _initial_node(self, target: str, node: Node) -> Node | None:
        return node.children.get(target) or self.tree.resolve(
            target if target.startswith(("#", self.tree.delimiter)) else self.tree.delimiter + target, node
        )

    def _start(self, node: Node, states: dict[str, Any], to: list[Node], actions: Any, pointer: str) -> str:
        name = START
        while name in states:
            name = f"_{name}"
        targets = [f"#{self.tree.root.id}.{each.path}" for each in to]
        branch: dict[str, Any] = {"target": targets[0] if len(targets) == 1 else targets}
        if actions:
            branch["actions"] = self.actions.carried(actions, child(pointer, "actions"))
        states[name] = {"always": branch}
        self.ledger.rewritten(
            pointer, f"`initial` names one child here: the state {name!r} leads on from there at once"
        )
        return name

    def _invoked(self, node: Node, found: dict[str, Any]) -> None:
        entry, exit = self.invocations.actions(node)
        for key, more in (("entry", entry), ("exit", exit)):
            if more:
                before = found.get(key, [])
                found[key] = [*(before if isinstance(before, list) else [before]), *more]

    def _rest(self, node: Node, found: dict[str, Any], known: frozenset[str]) -> None:
        raw = node.raw
        meta = raw.get("meta")
        if meta is not None and (meta or self.ours):
            found["meta"] = meta if isinstance(meta, dict) else {"value": meta}
        kept = {}
        for key, value in raw.items():
            if key in _CARRIED or key in _ONLY_HERE or key in known or _is_hollow(value):
                continue
            if key in ("version", "key", "context") and node.parent is None:
                continue
            if key == "key" and value == node.key:
                continue
            kept[key] = value
            why = _WHY_NOT.get(key, "the language has no such key")
            self.ledger.lost(
                child(node.pointer, key), f"{key[:60]!r} has no effect here ({why}); it is kept in `meta.xstate`"
            )
        if kept:
            found["meta"] = {**found.get("meta", {}), "xstate": kept}

    # --- transitions

    def _transitions(self, node: Node, found: dict[str, Any]) -> None:
        for trigger, key, written, pointer in self.events.of(node):
            branches = self.branches(written, node, pointer)
            place = found if trigger in ("always", "onDone") else found.setdefault(trigger, {})
            key = self._delay_key(key, pointer, node) if trigger == "after" else key
            if key in place:
                branches = self._reachable([*_listed(place[key]), *_listed(branches)], pointer)
            place[key] = branches
        self._with_prefixes(node, found)

    def _with_prefixes(self, node: Node, found: dict[str, Any]) -> None:
        """In XState `a.*` takes `a` as well; here it does not."""
        on = found.get("on", {})
        for prefix in [event for event in on if event.endswith(".*") and not self.ours and not self.version_4]:
            bare = prefix.removesuffix(".*")
            if fault_of_state_name(bare.replace(".", "_")) is None and bare not in on:
                on[bare] = on[prefix]
                self.ledger.rewritten(
                    node.pointer, f"{prefix[:60]!r} takes {bare[:60]!r} too in XState: both are written"
                )

    def branches(self, written: Any, node: Node, pointer: str) -> Any:
        """What stands under a descriptor, in the same form."""
        if isinstance(written, list):
            found = [self._branch(each, node, child(pointer, index)) for index, each in enumerate(written)]
            found = self._reachable(found, pointer)
            return found[0] if len(found) == 1 and not self.ours else found
        return self._branch(written, node, pointer)

    def _reachable(self, branches: list[Any], pointer: str) -> list[Any]:
        """The branches up to the first without a guard: the others were never taken, and would be errors here."""
        for index, branch in enumerate(branches[:-1]):
            if not self.ours and not (isinstance(branch, dict) and "guard" in branch):
                more = len(branches) - index - 1
                what = "one branch is" if more == 1 else f"{more} branches are"
                self.ledger.lost(pointer, f"{what} not carried: a branch without a guard stands before, so it is taken")
                return branches[: index + 1]
        return branches

    def _branch(self, written: Any, node: Node, pointer: str) -> Any:
        if isinstance(written, str):
            return self._of_text(written, node, pointer)
        if written is None:
            return {}
        if not isinstance(written, dict) or "@code" in written or "@expr" in written:
            self.ledger.lost(pointer, "this transition is code; it is kept as one that leads nowhere")
            return {"description": "was code; to be written anew"}
        raw = unfolded(written)
        found = {key: raw[key] for key in ("allow", "keep", "label", "meta") if raw.get(key) is not None}
        if raw.get("description") or (self.ours and "description" in raw):
            found["description"] = _text(raw["description"])[:_WORDS]
        self._targets(raw, node, pointer, found)
        self._guard(raw, node, pointer, found)
        if isinstance(raw.get("context"), dict):
            found["context"] = raw["context"]
        if raw.get("actions") not in (None, []) or (self.ours and "actions" in raw):
            found["actions"] = self.actions.carried(raw["actions"], child(pointer, "actions"))
        more = {
            key: value for key, value in raw.items() if key not in _BRANCH_KNOWN and value not in (None, [], {}, "")
        }
        for key in more:
            self.ledger.lost(child(pointer, key), f"{key[:60]!r} has no effect here; it is kept in `meta.xstate`")
        if more:
            found["meta"] = {**(found["meta"] if isinstance(found.get("meta"), dict) else {}), "xstate": more}
        return {key: found[key] for key in _BRANCH_ORDER if key in found}

    def _of_text(self, target: str, node: Node, pointer: str) -> Any:
        found: dict[str, Any] = {}
        self._targets({"target": target}, node, pointer, found, at=pointer)
        return found["target"] if set(found) == {"target"} else found

    def _targets(
        self, raw: dict[str, Any], node: Node, pointer: str, found: dict[str, Any], at: str | None = None
    ) -> None:
        target = raw.get("target")
        listed = [target] if isinstance(target, str) else target if isinstance(target, list) else []
        targets = [each for each in listed if isinstance(each, str) and (each or self.ours)]
        at = at or child(pointer, "target")
        if targets:
            written = [self.target(each, node, at) for each in targets]
            found["target"] = written if isinstance(target, list) and (self.ours or len(written) > 1) else written[0]
        if raw.get("reenter") is True or (raw.get("internal") is False and self._inward(targets, node)):
            found["reenter"] = True
        elif self.ours and "reenter" in raw:
            found["reenter"] = raw["reenter"]
        elif (
            self.version_4
            and raw.get("internal") is None
            and self._inward(targets, node)
            and not all(each.startswith(self.tree.delimiter) for each in targets)
        ):
            found["reenter"] = True
            self.ledger.rewritten(
                at, "in XState 4 this transition leaves the state and enters it again: `reenter` says so"
            )

    def _inward(self, targets: list[str], node: Node) -> bool:
        """Whether all targets are the state itself or lie in it: only then `reenter` makes a difference."""
        nodes = [self.tree.resolve(each, node) for each in targets]
        return bool(nodes) and all(each is not None and each.is_in(node) for each in nodes)

    def target(self, target: str, node: Node, pointer: str) -> str:
        """A target in our names; as it is where it means nothing, for our own checks to say so."""
        written = self.tree.written(target, node)
        if written is None:
            self.ledger.lost(pointer, f"{target[:60]!r} means no state of this machine; it is kept for you to mend")
            return target
        return written

    def _guard(self, raw: dict[str, Any], node: Node, pointer: str, found: dict[str, Any]) -> None:
        key = next((key for key in ("guard", "cond", "when") if raw.get(key) is not None), None)
        if key is not None:
            found["guard"] = self.guards.carried(raw[key], node, child(pointer, key))
        if raw.get("in") is None or self.ours:
            return
        inside = self.guards.in_state(raw["in"], node)
        if inside is None:
            self.ledger.lost(
                child(pointer, "in"), "this condition names no state; the branch is guarded by one to fill in"
            )
            found.setdefault("guard", self.guards.carried({"@code": "in"}, node, child(pointer, "in")))
        elif key is None:
            found["guard"] = {"@expr": inside}
        else:
            text = self.guards.carried(
                {"type": "and", "guards": [raw[key], {"@expr": inside}]}, node, child(pointer, "in")
            )
            found["guard"] = text

    # --- time

    def _delay(self, name: str, value: Any) -> Any:
        if self.ours:
            return value
        duration = value.get("duration") if isinstance(value, dict) and "duration" in value else value
        if isinstance(duration, int | float) and not isinstance(duration, bool):
            return {"duration": iso_of_ms(max(0, duration))}
        if isinstance(duration, str) and (iso := iso_of_words(duration)) is not None:
            return {"duration": iso}
        if isinstance(duration, dict) and "@expr" in duration and duration.get("@lang", "cel") == "cel":
            return {"duration": {"@expr": duration["@expr"]}}
        self.ledger.rewritten(child("/delays", name), f"the delay {name[:60]!r} is code: fill in its `duration`")
        return {"duration": None}

    def _delay_key(self, key: str, pointer: str, node: Node) -> str:
        if key in (exact := _object(node.raw.get("afterKeys"))):
            return str(exact[key])
        if key in self.delays or (self.ours and not re.fullmatch(r"\d+(\.\d+)?", key)):
            return key
        iso = iso_of_words(key)
        if iso is not None:
            return iso
        name = declared_name(key)
        if is_code(key):
            name = next(name for number in itertools.count(1) if (name := f"delay_{number}") not in self.delays)
        self.delays[name] = {"duration": None}
        called = "" if name == key else f", and called {name!r} here"
        self.ledger.rewritten(
            pointer, f"the delay {key[:60]!r} is code elsewhere{called}: fill in its `duration` under `delays`"
        )
        return name


def _is_hollow(value: Any) -> bool:
    """Whether nothing is said, however deep: as types for a compiler look, once they are JSON."""
    return value in (None, [], {}, "") or (isinstance(value, dict) and all(map(_is_hollow, value.values())))


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def _listed(branches: Any) -> list[Any]:
    return branches if isinstance(branches, list) else [branches]
