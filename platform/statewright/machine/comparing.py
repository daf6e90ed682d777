"""What differs between two definitions: a list of sentences with their places, whatever is still wrong with either."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any, Literal

import msgspec
from msgspec import Struct

from statewright.machine.branches import pointer_of_state
from statewright.machine.chart import Change, guard_words
from statewright.machine.coverage import Place, places_of
from statewright.machine.definition import Branch, Definition, State
from statewright.machine.problem import child, pointer_of
from statewright.machine.targets import States

What = Literal[
    "definition", "state", "transition", "guard", "delay", "role", "relation", "data", "event", "migration", "words"
]
LINES = 2_000
"""How many differences are told at most; two documents with more have nothing to do with each other."""

_WORDS = ("label", "description", "meta")
_STATE_FACTS = ("type", "id", "initial", "tags", "history", "target", "entry", "exit", "sla")
_OWN_FACTS = ("creation", "keep", "partition_by", "type", "initial", "tags", "internal_events", "context")
_OWN_ACTIONS = ("entry", "exit")
_BRANCH_FACTS = (
    ("context", "what it writes differs"),
    ("actions", "its actions differ"),
    ("reenter", "whether it re-enters differs"),
)
_KEYS = {"internal_events": "internalEvents"}
_SPOKEN = {
    "creation": "how entities come to be",
    "keep": "what is kept unless a branch says otherwise",
    "partition_by": "the field that places entities",
    "type": "the kind",
    "initial": "where a stay begins",
    "tags": "the tags",
    "internal_events": "which events are internal",
    "context": "the data that entities begin with",
    "entry": "what is done on entry",
    "exit": "what is done on leaving",
    "history": "how much is remembered",
    "target": "where it leads by default",
    "id": "the id",
    "sla": "how long a stay may last",
}


class Difference(Struct, frozen=True, omit_defaults=True):
    """One thing that differs. `pointer` leads into the later document; for what was removed, into the earlier.

    `was` and `now` hold what is written there; absent where nothing is.
    """

    change: Change
    what: What
    pointer: str
    sentence: str
    was: Any = msgspec.UNSET
    now: Any = msgspec.UNSET


class Pair(Struct, frozen=True):
    """A branch in the earlier definition and the one in the later that stands for it; one of them may be missing.

    `facts` says what differs between the two, empty when nothing does.
    """

    before: Place | None
    after: Place | None
    facts: tuple[str, ...] = ()

    @property
    def change(self) -> Change | None:
        """What became of it; None when it is as it was."""
        if self.before is None:
            return "added"
        if self.after is None:
            return "removed"
        return "changed" if self.facts else None


class Comparison:
    """Two definitions of one type side by side."""

    def __init__(self, before: Definition, after: Definition) -> None:
        self.before = before
        self.after = after
        self.states_before = States(before)
        self.states_after = States(after)
        self.guards = _keys_that_differ(before.guards, after.guards)
        """The named guards whose condition differs, or that are there in one of the two only."""
        self.pairs: tuple[Pair, ...] = tuple(self._pairs())

    def differences(self) -> list[Difference]:
        """All that differs, states and transitions first; empty when the two say the same."""
        found = [*self._states(), *self._transitions(), *self._named(), *self._schemas(), *self._own()]
        return found[:LINES]

    def change_of_state(self, path: str) -> Change | None:
        """What became of a state, its transitions aside."""
        before, after = self.states_before.by_path.get(path), self.states_after.by_path.get(path)
        if before is None or after is None:
            return None if before is after else "added" if before is None else "removed"
        return "changed" if any(_unlike(before, after, (*_STATE_FACTS, *_WORDS))) else None

    # --- states

    def _states(self) -> Iterator[Difference]:
        before, after = self.states_before.by_path, self.states_after.by_path
        for path, state in after.items():
            at = pointer_of_state(path)
            if path not in before:
                yield Difference("added", "state", at, f"the state {path} is new", now=_kind(state))
            else:
                yield from _facts(f"state {path}", "state", at, before[path], state, _STATE_FACTS)
        for path, state in before.items():
            if path not in after:
                at = pointer_of_state(path)
                yield Difference("removed", "state", at, f"the state {path} is gone", was=_kind(state))

    # --- transitions

    def _pairs(self) -> Iterator[Pair]:
        before, after = _grouped(self.before), _grouped(self.after)
        for key in dict.fromkeys([*after, *before]):
            yield from self._matched(before.get(key, []), after.get(key, []))

    def _matched(self, before: list[Place], after: list[Place]) -> Iterator[Pair]:
        """The branches of one trigger: those that are the same, then those that lead to the same, then by order."""
        left, found = list(before), dict[int, Place]()
        for alike in (self._same, self._same_way, lambda one, other: True):
            for number, place in enumerate(after):
                if number not in found:
                    match = next((one for one in left if alike(one, place)), None)
                    if match is not None:
                        found[number] = match
                        left.remove(match)
        order = [found[number].index for number in sorted(found)]
        turned = any(one > other for one, other in pairwise(order))
        for number, place in enumerate(after):
            one = found.get(number)
            facts = () if one is None else tuple(self._facts_of(one, place))
            if turned and one is not None and one.index != place.index:
                facts += (f"it is asked as number {place.index + 1} instead of {one.index + 1}",)
            yield Pair(one, place, facts)
        yield from (Pair(one, None) for one in left)

    def _same(self, one: Place, other: Place) -> bool:
        return one.branch == other.branch and self._same_way(one, other)

    def _same_way(self, one: Place, other: Place) -> bool:
        return self.targets(one, self.states_before) == self.targets(other, self.states_after)

    @staticmethod
    def targets(place: Place, states: States) -> tuple[str, ...]:
        """Where a branch leads, by path; a target that names nothing as it is written."""
        written = place.branch.target
        named = [written] if isinstance(written, str) else written or []
        return tuple(states.resolve(target, place.holder) or f"?{target}" for target in named)

    def _facts_of(self, one: Place, other: Place) -> Iterator[str]:
        was, now = one.branch, other.branch
        ways = self.targets(one, self.states_before), self.targets(other, self.states_after)
        if ways[0] != ways[1]:
            yield f"it leads {_way(ways[1])} instead of {_way(ways[0])}"
        if was.guard != now.guard:
            yield f"its guard is {_guard(now)} instead of {_guard(was)}"
        elif _guard_name(now) in self.guards:
            yield f"the condition of its guard {_guard_name(now)} is another"
        if was.allow != now.allow:
            yield f"it takes {_roles(now)} instead of {_roles(was)}"
        if was.keep != now.keep:
            yield f"it keeps {_kept(now)} instead of {_kept(was)}"
        for fact, words in _BRANCH_FACTS:
            if getattr(was, fact) != getattr(now, fact):
                yield words
        if any(getattr(was, word) != getattr(now, word) for word in _WORDS):
            yield "its words differ"

    def _transitions(self) -> Iterator[Difference]:
        for pair in self.pairs:
            place = pair.after or pair.before
            assert place is not None
            states = self.states_before if pair.after is None else self.states_after
            words = f"{place.words}, {_way(self.targets(place, states))}"
            was = msgspec.UNSET if pair.before is None else pair.before.branch
            now = msgspec.UNSET if pair.after is None else pair.after.branch
            if pair.change == "changed":
                sentence = f"{place.words}: {', and '.join(pair.facts)}"
                yield Difference("changed", "transition", place.pointer, sentence, was, now)
            elif pair.change is not None:
                said = f"{words}, is {'new' if pair.change == 'added' else 'gone'}"
                yield Difference(pair.change, "transition", place.pointer, said, was, now)

    # --- what has a name

    def _named(self) -> Iterator[Difference]:
        before, after = self.before, self.after
        yield from _maps("guard", "guards", before.guards, after.guards)
        yield from _maps("delay", "delays", before.delays, after.delays)
        yield from _maps("role", "roles", before.roles, after.roles)
        yield from _maps("relation", "relations", before.relations, after.relations)

    # --- schemas

    def _schemas(self) -> Iterator[Difference]:
        before, after = self.before.schemas, self.after.schemas
        yield from _fields("data", "the data", "", pointer_of("schemas", "context"), before.context, after.context)
        for event in dict.fromkeys([*after.events, *before.events]):
            at = pointer_of("schemas", "events", event)
            yield from _fields(
                "event", f"the event {event}", f" of {event}", at, before.events.get(event), after.events.get(event)
            )

    # --- the definition itself

    def _own(self) -> Iterator[Difference]:
        yield from _facts("definition", "definition", "", self.before, self.after, (*_OWN_FACTS, *_OWN_ACTIONS))
        if self.before.migrations != self.after.migrations:
            was, now = self.before.migrations, self.after.migrations
            sentence = "how entities move here from earlier revisions differs"
            yield Difference(_change(was, now), "migration", pointer_of("migrations"), sentence, was, now)


def differences(before: Definition, after: Definition) -> list[Difference]:
    """All that differs between an earlier definition and a later one; see `Comparison`."""
    return Comparison(before, after).differences()


# --- Parts ---


def _grouped(definition: Definition) -> dict[tuple[str, str, str], list[Place]]:
    found: dict[tuple[str, str, str], list[Place]] = {}
    for place in places_of(definition):
        found.setdefault((place.holder, place.key, place.descriptor), []).append(place)
    return found


def _facts(
    name: str, what: What, at: str, before: State | Definition, after: State | Definition, facts: Iterable[str]
) -> Iterator[Difference]:
    """What differs in the facts of a state or of the definition, then in its words: it is the holder that changed."""
    for fact in _unlike(before, after, facts):
        was, now = getattr(before, fact), getattr(after, fact)
        if fact == "type" and isinstance(before, State) and isinstance(after, State):
            was, now = _kind(before), _kind(after)
            if was == now:
                continue
        said = f"{_SPOKEN[fact]} of the {name}" if name != "definition" else _SPOKEN[fact]
        if _short(was) and _short(now):
            sentence = f"{said}: {_text(now)} instead of {_text(was)}"
        else:
            sentence = f"{said} {'differ' if fact == 'tags' else 'differs'}"
        yield Difference("changed", what, child(at, _KEYS.get(fact, fact)), sentence, _left(was), _left(now))
    for word in _unlike(before, after, _WORDS):
        was, now = getattr(before, word), getattr(after, word)
        sentence = f"the {word if word != 'meta' else 'free content'} of the {name} differs"
        yield Difference("changed", "words", child(at, word), sentence, _left(was), _left(now))


def _maps(what: What, key: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    for name in dict.fromkeys([*after, *before]):
        at = pointer_of(key, name)
        if name not in before:
            yield Difference("added", what, at, f"the {what} {name} is new", now=after[name])
        elif name not in after:
            yield Difference("removed", what, at, f"the {what} {name} is gone", was=before[name])
        elif _json(before[name]) != _json(after[name]):
            yield Difference("changed", what, at, f"the {what} {name} differs", before[name], after[name])


def _fields(
    what: What, name: str, of: str, at: str, before: dict[str, Any] | None, after: dict[str, Any] | None
) -> Iterator[Difference]:
    """What differs between two schemas of objects: field by field, then which are required, then all the rest."""
    if before is None or after is None:
        if before is not after:
            said = "has a schema now" if before is None else "has no schema any more"
            change: Change = "added" if before is None else "removed"
            yield Difference(change, what, at, f"{name} {said}", _left(before), _left(after))
        return
    old, new = _properties(before), _properties(after)
    for field in dict.fromkeys([*new, *old]):
        pointer = at + pointer_of("properties", field)
        if field not in old:
            yield Difference("added", what, pointer, f"the field {field}{of} is new", now=new[field])
        elif field not in new:
            yield Difference("removed", what, pointer, f"the field {field}{of} is gone", was=old[field])
        elif _json(old[field]) != _json(new[field]):
            yield Difference("changed", what, pointer, f"the field {field}{of} differs", old[field], new[field])
    wanted, asked = set(before.get("required") or ()), set(after.get("required") or ())
    for field in sorted(asked - wanted):
        yield Difference("changed", what, child(at, "required"), f"the field {field}{of} is required now")
    for field in sorted(wanted - asked):
        yield Difference("changed", what, child(at, "required"), f"the field {field}{of} is not required any more")
    if _json(_rest(before)) != _json(_rest(after)):
        yield Difference("changed", what, at, f"what else is asked of {name} differs", _rest(before), _rest(after))


def _properties(schema: Mapping[str, Any]) -> dict[str, Any]:
    found = schema.get("properties")
    return found if isinstance(found, dict) else {}


def _rest(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in schema.items() if key not in ("properties", "required")}


def _keys_that_differ(before: Mapping[str, Any], after: Mapping[str, Any]) -> frozenset[str]:
    absent = object()
    return frozenset(key for key in {**before, **after} if before.get(key, absent) != after.get(key, absent))


def _unlike(before: Any, after: Any, facts: Iterable[str]) -> Iterator[str]:
    return (fact for fact in facts if getattr(before, fact, None) != getattr(after, fact, None))


def _change(was: Any, now: Any) -> Change:
    return "added" if _left(was) is msgspec.UNSET else "removed" if _left(now) is msgspec.UNSET else "changed"


def _left(value: Any) -> Any:
    """The value, or UNSET where nothing is written."""
    return msgspec.UNSET if value is None or value == [] or value == {} else value


def _short(value: Any) -> bool:
    return value is None or isinstance(value, str | bool | int)


def _text(value: Any) -> str:
    return "nothing" if value is None else str(value)


def _json(value: Any) -> bytes:
    """As JSON tells them apart: 1, 1.0 and true are three things."""
    return msgspec.json.encode(value, order="deterministic")


def _kind(state: State) -> str:
    return state.type or ("compound" if state.states else "atomic")


def _way(targets: tuple[str, ...]) -> str:
    return f"to {' and '.join(path or 'the beginning' for path in targets)}" if targets else "staying"


def _guard(branch: Branch) -> str:
    words = guard_words(branch.guard)
    return f"`{words if len(words) <= 120 else words[:119] + '…'}`" if words else "none"


def _guard_name(branch: Branch) -> str:
    guard = branch.guard
    name = guard if isinstance(guard, str) else guard.get("type") if isinstance(guard, dict) else None
    return name if isinstance(name, str) else ""


def _roles(branch: Branch) -> str:
    return "anyone" if branch.allow is None else f"the role {' or '.join(branch.allow)}" if branch.allow else "nobody"


def _kept(branch: Branch) -> str:
    if branch.keep is None:
        return "what the definition keeps"
    return "all fields" if branch.keep == "*" else ", ".join(branch.keep) or "nothing"
