"""What would have happened under another definition: every recorded transition decided again, entity by entity. Pure.

Each is decided on the head that the earlier decisions of *this* definition made, at the moment and by the actor that
the log names; so after a refusal an entity stands where it was, and what follows is tried all the same. Nothing is
compared but where an entity ends up: the log holds what was done, and not what callers would have sent instead.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, Literal

import msgspec
from msgspec import Struct

from statewright.machine.branches import Guard, Move
from statewright.machine.compile import Machine, state_text
from statewright.machine.decide import Accepted, Event, Refused, decide
from statewright.machine.deciding import DATA_BYTES, PAYLOAD_BYTES
from statewright.machine.definition import Migration
from statewright.machine.explaining import body_of
from statewright.machine.expressions import ExpressionError, Moment, Related
from statewright.machine.places import AFTER
from statewright.machine.record import ANONYMOUS, Actor, Head, Leaves, Record, Timer, timers_after
from statewright.machine.schemas import Schema

EXAMPLES = 10
"""How many examples are kept of each finding, those first that were the first of their entity to come out otherwise."""
FINDINGS = 500
"""How many findings are told apart; more of them, of made-up events say, are counted together."""
DETAIL = 600
"""How much of a sentence or of an explanation's values an example keeps, in characters."""
_LINES = 5

Kind = Literal["refused", "diverged", "unfired", "others"]


class Past(Struct, gc=False):
    """What of a record a backtest looks at; the fields mean what they mean there."""

    position: int = 0
    entity: str = ""
    version: int = 0
    recorded_at: int = 0
    to: Leaves = ()
    revision: int = 0
    event: str | None = None
    kind: str = "event"
    changes: msgspec.Raw = msgspec.Raw(b"{}")
    removed: tuple[str, ...] = ()
    payload: dict[str, Any] = {}
    sealed: dict[str, dict[str, Any]] = {}
    actor: Actor = ANONYMOUS
    occurred_at: int | None = None
    now: int | None = None
    size: int = 0
    """An upper bound of the record's bytes, 0 when it is not known."""

    def data(self) -> dict[str, Any]:
        """What a creation made of the data; read only where it is asked for, since of other records nobody asks."""
        changes: dict[str, Any] = msgspec.json.decode(self.changes)
        return {**changes, **self.sealed.get("changes", {})} if self.sealed else changes


def past_of(record: Record) -> Past:
    """The same out of a whole record."""
    fields = {field: getattr(record, field) for field in Past.__struct_fields__ if field not in ("size", "changes")}
    return Past(**fields, changes=msgspec.Raw(msgspec.json.encode(record.changes)))


class Example(Struct, frozen=True, omit_defaults=True):
    """One transition that came out otherwise. `first`: nothing before it in its entity's history did.

    `state` is where the entity stood under the new definition, `to` where the log says it went.
    """

    entity: str
    version: int
    position: int
    first: bool
    state: Leaves
    to: Leaves
    detail: str
    explanation: list[dict[str, Any]] = []


class Finding(Struct, omit_defaults=True):
    """Transitions that came out otherwise in the same way.

    `refused`: the event is not let through in `state`, for the reason `why` (`at` are the branches whose guards did not
    hold). `diverged`: it is, but leads to `went` and not where the log says. `unfired`: a timer that the log saw fire
    does not run. `histories` counts those whose first surprise this was.
    """

    kind: Kind
    state: Leaves
    event: str
    why: str = ""
    at: tuple[str, ...] = ()
    to: Leaves = ()
    went: Leaves = ()
    sentence: str = ""
    count: int = 0
    histories: int = 0
    examples: list[Example] = []


class Tally(Struct, omit_defaults=True):
    """What a backtest has found so far.

    `accepted` went where the log says; `passed_over` are records that no event made (an erasure, say). `histories`
    are the entities met and `conforming` those of which nothing came out otherwise. `timers_due` counts timers of the
    new definition that would have fired before the next thing the log knows of their entity; they are not fired.
    """

    transitions: int = 0
    accepted: int = 0
    refused: int = 0
    diverged: int = 0
    passed_over: int = 0
    histories: int = 0
    conforming: int = 0
    timers_due: int = 0
    findings: list[Finding] = []


RelatedAt = Callable[[Mapping[str, Any], int], Mapping[str, Related]]
"""The related entities that data name, as they stood before a position of the log."""


def _nobody(_data: Mapping[str, Any], _position: int) -> Mapping[str, Related]:
    return {}


class _Branch(Struct, gc=False):
    """One branch of a short way: to where, and the ways from there."""

    guard: Guard | None
    to: Leaves
    keep: tuple[str, ...] | None
    allow: frozenset[str] | None
    ways: _Ways


class _Way(Struct, gc=False):
    """An event's way from a state of a flat machine, where none of its branches patches or forbids."""

    branches: tuple[_Branch, ...]
    schema: Schema | None
    active: frozenset[str]


_Ways = dict[str | None, _Way | None]


class _Life(Struct, gc=False):
    """One entity under the new definition: its head (None: nothing was let through yet), and how it fared.

    `ways` are the short ways from where it stands.
    """

    head: Head | None = None
    surprised: bool = False
    ways: _Ways = {}


_UNSEEN: Any = object()


class Backtest:
    """Replays transitions, handed over in the order of the log, against `machine`, and counts what comes of them.

    `then` gives the machine that a revision had when it was recorded, or None where it is not known; it tells what a
    creation was given apart from what the definition added, and when an entity's history is at its end.
    """

    def __init__(
        self,
        machine: Machine,
        then: Callable[[int], Machine | None],
        related: RelatedAt = _nobody,
    ) -> None:
        self.machine = machine
        self.tally = Tally()
        self.held = 0
        """About how many bytes of data the lives under way hold."""
        self._then = then
        self._related = related
        self._lives: dict[str, _Life] = {}
        self._findings: dict[tuple[Any, ...], Finding] = {}
        self._ends: dict[int, dict[Leaves, bool]] = {}
        self._ways: dict[Leaves, _Ways] = {}
        self._first = self._ways.setdefault(machine.initial, {})
        # Nothing but what the first event carries can be in an entity's data, unless its creation was given more.
        self._simple = machine.implicit and machine.context is None and not machine.definition.context
        self._agreed: dict[tuple[int, Leaves, Leaves], bool] = {}

    @property
    def lives(self) -> int:
        """How many entities are under way."""
        return len(self._lives)

    def finish(self) -> Tally:
        """The whole result; the lives still under way are counted, and let go."""
        for life in self._lives.values():
            self.tally.conforming += not life.surprised
        self._lives.clear()
        self.held = 0
        return self.so_far()

    def so_far(self) -> Tally:
        """The counts up to now, the most frequent finding first."""
        found = self._findings.values()
        self.tally.findings = sorted(found, key=lambda one: (-one.count, one.state, one.event))
        return self.tally

    def replay(self, batch: Iterable[Past]) -> None:
        """Decide a batch again."""
        flat, tally, lives = self.machine.flat, self.tally, self._lives
        over: dict[Leaves, bool] = {}
        revision, accepted, transitions = -1, 0, 0
        for past in batch:
            transitions += 1
            life = lives.get(past.entity)
            if life is None:
                if past.kind in _NO_EVENT:
                    tally.passed_over += 1
                    continue
                tally.histories += 1
                life = lives[past.entity] = _Life()
            head = life.head
            stood = () if head is None else head.leaves
            to = None
            if flat and past.kind == "event":
                if head is None:
                    begun = self._begun(past) if self._simple else None
                else:
                    begun = head
                if begun is not None:
                    ways = life.ways if head is not None else self._first
                    way = ways.get(past.event, _UNSEEN)
                    if way is _UNSEEN:
                        way = self._way(ways, begun.leaves, past.event)
                    if way is not None and (branch := self._go(way, begun, past)) is not None:
                        to = branch.to
                        life.ways = branch.ways
                        life.head = begun
            if to is None:
                to = self._decide(life, past)
            if to is not None:
                if to == past.to or self._agrees(past, to):
                    accepted += 1
                else:
                    self._diverged(life, past, stood, to)
            if past.revision != revision:
                revision = past.revision
                over = self._ends.setdefault(revision, {})
            ends = over.get(past.to)
            if ends is None:
                ends = over[past.to] = self._is_over(past)
            if ends:
                tally.conforming += not life.surprised
                if life.head is not None:
                    self.held -= life.head.size
                del lives[past.entity]
        tally.accepted += accepted
        tally.transitions += transitions

    # --- the short way: branches without patches, from one state of a flat machine to another

    def _begun(self, past: Past) -> Head | None:
        """The head before a first event that creates its entity; None where what it was given must be looked for."""
        if past.sealed or past.data() != past.payload:
            return None
        return Head(version=0, revision=self.machine.revision, leaves=self.machine.initial, size=2)

    def _way(self, ways: _Ways, leaves: Leaves, event: str | None) -> _Way | None:
        """The short way of an event from a state; None where it takes a whole decision."""
        machine = self.machine
        place = machine.places.at(leaves)
        choices = None if place.ended or not event else machine.choices(place, event)
        way = None
        if choices is not None and choices.moves and event not in machine.internal and not machine.relations:
            chain = choices.chains[0]
            if all(move.patch is None and not move.forbids for move in chain):
                branches = tuple(self._branch(leaves, move) for move in chain)
                way = _Way(branches, machine.events.get(event or ""), place.active)
        if len(ways) < FINDINGS:  # names of events are the senders' to invent
            ways[event] = way
        return way

    def _branch(self, leaves: Leaves, move: Move) -> _Branch:
        to = leaves if move.to is None else move.to
        return _Branch(move.guard, to, move.keep, move.allow, self._ways.setdefault(to, {}))

    def _go(self, way: _Way, head: Head, past: Past) -> _Branch | None:
        """Take a short way, as `decide` would; None, and nothing has happened, where that needs a whole decision."""
        payload, size = past.payload, head.size + (past.size or DATA_BYTES)
        if past.sealed or size > DATA_BYTES or past.size > PAYLOAD_BYTES:
            return None
        if way.schema is not None:
            payload = way.schema.filled(payload)
            if not way.schema.fits(payload):
                return None
        branch = way.branches[0]
        if branch.guard is not None:
            chosen = self._holding(way, head, past, payload)
            if chosen is None:
                return None
            branch = chosen
        if branch.allow is not None and branch.allow.isdisjoint(past.actor.roles):
            return None
        keep = branch.keep
        kept = payload if keep is None else {field: payload[field] for field in keep if field in payload}
        if kept:
            data = {**head.data, **kept}
            context = self.machine.context
            if context is not None and not context.fits(data):
                return None
            head.data = data
            head.size = size
            self.held += past.size
        head.leaves = branch.to
        head.version += 1
        return branch

    def _holding(self, way: _Way, head: Head, past: Past, payload: dict[str, Any]) -> _Branch | None:
        """The first branch whose guard holds; None where none does, or one has no answer."""
        now = past.recorded_at if past.now is None else past.now
        moment = Moment(
            actor=past.actor,
            now=now,
            occurred_at=now if past.occurred_at is None else past.occurred_at,
            type=self.machine.type,
            id=past.entity,
            version=head.version,
            active=way.active,
            event=past.event or "",
            related={},
        )
        for branch in way.branches:
            guard = branch.guard
            if guard is None:
                return branch
            try:
                holds = guard.expression.run(head.data, payload, guard.params, moment)
            except ExpressionError:
                return None
            if holds is True:
                return branch
            if holds is not False:
                return None
        return None

    def _decide(self, life: _Life, past: Past) -> Leaves | None:
        """Decide one again, whatever it is; where the entity is then, None where it was not let through."""
        machine, head = self.machine, life.head
        event = self._event(past, head)
        if event is None:
            return None
        if machine.relations:
            event.related = self._related(past.data() if head is None else head.data, past.position)
        outcome = decide(machine, head, event)
        if isinstance(outcome, Refused):
            self._refused(life, past, head, outcome)
            return None
        if head is None:
            self._begin(life, outcome)
        else:
            self.held += outcome.size - head.size
            head.leaves, head.data, head.size = outcome.to, outcome.data, outcome.size
            head.version += 1
            if outcome.timers_started or outcome.timers_stopped:
                head.timers = timers_after(head.timers, outcome.timers_stopped, outcome.timers_started)
            if outcome.history:
                head.history = outcome.history
        if machine.flat:
            life.ways = self._ways.setdefault(outcome.to, {})
        return outcome.to

    # --- what is sent again

    def _event(self, past: Past, head: Head | None) -> Event | None:
        """The event behind a record; None for one that no event made, whose effect on the data is taken over."""
        now = past.recorded_at if past.now is None else past.now
        if head is not None and head.timers:
            self._note_due(head, past, now)
        event = Event(past.event, past.payload, past.actor, entity=past.entity, now=now, occurred_at=past.occurred_at)
        if past.kind == "timer":
            event.timer = timer_of(past.event, head)
            return event
        if past.kind in _NO_EVENT:
            self.tally.passed_over += 1
            if head is not None:
                head.data = {field: value for field, value in head.data.items() if field not in past.removed}
                head.erased = past.version if past.kind == "erased" else head.erased
            return None
        if past.sealed:
            event.payload = {**past.payload, **past.sealed.get("payload", {})}
        if head is None:
            given = given_of(past, self.machine, self._then(past.revision))
            if past.kind == "created":
                event.payload = given
            else:
                event.create = given
        return event

    def _note_due(self, head: Head, past: Past, now: int) -> None:
        fired = past.event if past.kind == "timer" else ""
        due = [one for one in head.timers if one.due < now and fired != f"{AFTER}{one.key}.{one.state}"]
        if due:
            self.tally.timers_due += len(due)
            # Told once for each stay: as long as nothing moves it, it stays due.
            head.timers = tuple(Timer(t.state, t.key, _NEVER, t.version) if t in due else t for t in head.timers)

    def _begin(self, life: _Life, outcome: Accepted) -> None:
        life.head = Head(
            version=1,
            revision=self.machine.revision,
            leaves=outcome.to,
            data=outcome.data,
            size=outcome.size,
            history=outcome.history,
            timers=outcome.timers_started,
        )
        self.held += outcome.size

    # --- what comes of it

    def _is_over(self, past: Past) -> bool:
        then = self._then(past.revision)
        return then is not None and then.is_final(past.to)

    def _agrees(self, past: Past, to: Leaves) -> bool:
        """Whether a place under the new definition is what its migrations make of the place in the log."""
        if not self.machine.definition.migrations:
            return False
        key = (past.revision, past.to, to)
        found = self._agreed.get(key)
        if found is None:
            migration = migration_of(self.machine, past.revision)
            active = self.machine.places.at(to).active
            found = migration is not None and all(mapped(migration, leaf) in active for leaf in past.to)
            self._agreed[key] = found
        return found

    def _refused(self, life: _Life, past: Past, head: Head | None, refused: Refused) -> None:
        self.tally.refused += 1
        state = () if head is None else head.leaves
        at: tuple[str, ...] = ()
        if refused.tried is not None:
            at = tuple(move.pointer for move, _ in refused.tried.asked)
        kind: Kind = "unfired" if past.kind == "timer" and refused.why == "not_in_this_state" else "refused"
        key = (kind, state, past.event, refused.why, at)
        found = self._found(key, lambda: Finding(kind, state, past.event or "", refused.why.value, at))
        found.sentence = found.sentence or refused.detail[:DETAIL]
        self._example(found, life, past, state, refused.detail, refused)

    def _diverged(self, life: _Life, past: Past, state: Leaves, to: Leaves) -> None:
        self.tally.diverged += 1
        key = ("diverged", state, past.event, past.to, to)
        found = self._found(key, lambda: Finding("diverged", state, past.event or "", to=past.to, went=to))
        said = f"{past.event or 'the creation'} leads to {_named(to)}; the log says {_named(past.to)}"
        found.sentence = found.sentence or said[:DETAIL]
        self._example(found, life, past, state, said, None)

    def _found(self, key: tuple[Any, ...], make: Callable[[], Finding]) -> Finding:
        found = self._findings.get(key)
        if found is None:
            if len(self._findings) >= FINDINGS:
                key = ("others",)
                found = self._findings.get(key) or Finding("others", (), "", sentence="findings beyond the first 500")
            else:
                found = make()
            self._findings[key] = found
        return found

    def _example(
        self, found: Finding, life: _Life, past: Past, state: Leaves, detail: str, refused: Refused | None
    ) -> None:
        first = not life.surprised
        life.surprised = True
        found.count += 1
        found.histories += first
        examples = found.examples
        if len(examples) < EXAMPLES or (first and not examples[-1].first):
            explained = [] if refused is None else [_shown(body_of(line)) for line in refused.explanation[:_LINES]]
            one = Example(past.entity, past.version, past.position, first, state, past.to, detail[:DETAIL], explained)
            found.examples = sorted([*examples, one], key=lambda example: not example.first)[:EXAMPLES]


_NO_EVENT = ("migrated", "erased")
"""Records that something else than an event made."""
_NEVER = 2**62
"""When a timer is due whose being due was told."""


def timer_of(event: str | None, head: Head | None) -> Timer:
    """The timer that a record says fired: by the name in its event, the one that runs; else one that runs nowhere."""
    name = event or ""
    for timer in head.timers if head is not None else ():
        if name == f"{AFTER}{timer.key}.{timer.state}":
            return timer
    key, _, state = name.removeprefix(AFTER).partition(".")
    return Timer(state, key, 0, 0)


def given_of(past: Past, machine: Machine, then: Machine | None) -> dict[str, Any]:
    """What a creation was given, as far as its record tells: its data, without what the definition put there.

    `then` is the machine that it was recorded under (None: not known), `machine` the one it is to be sent to again.
    """
    data = past.data()
    own, begun = _put_by_definition(then, past.event) if then is not None else (_NONE, {})
    if machine.context is not None:
        own = own | machine.context.read_only
    carried = {**past.payload, **past.sealed.get("payload", {})} if past.kind == "event" else {}
    return {
        field: value
        for field, value in data.items()
        if field not in own
        and not (field in carried and carried[field] == value)
        and not (field in begun and begun[field] == value)
    }


_NONE: frozenset[str] = frozenset()


@lru_cache(maxsize=256)
def _put_by_definition(then: Machine, event: str | None) -> tuple[frozenset[str], dict[str, Any]]:
    """The fields that no caller can have given (read-only ones, and those that the first event's patches write), and
    the data that a machine begins with of itself."""
    begun = dict(then.definition.context)
    own = _NONE
    if then.context is not None:
        begun, own = then.context.filled(begun), then.context.read_only
    if event is not None:
        moves = then.choices(then.places.beginning.place, event).moves
        own = own.union(field for move in moves if move.patch for field in move.patch.writes)
    return own, begun


def _named(leaves: Leaves) -> str:
    return " + ".join(leaves)


def _shown(line: dict[str, Any]) -> dict[str, Any]:
    """A line of an explanation, its values cut to a bearable size."""
    return line if len(msgspec.json.encode(line)) <= DETAIL else {**line, "where": {}, "cut": True}


def migration_of(machine: Machine, revision: int) -> Migration | None:
    """How a definition says that entities of a revision move to it; None when it does not say."""
    return next((one for one in machine.definition.migrations if revision in one.from_), None)


def mapped(migration: Migration, leaf: str) -> str:
    """Where a state of the earlier revision is in the later: the longest path named leads, what is below it follows."""
    path, below = leaf, ""
    while path:
        if path in migration.states:
            return migration.states[path] + below
        path, _, name = path.rpartition(".")
        below = f".{name}{below}"
    return leaf


def stranded(machine: Machine, leaves: Leaves, revision: int) -> tuple[str, ...]:
    """The leaves of a configuration of another revision that are nowhere in `machine`, its migrations considered."""
    migration = migration_of(machine, revision)
    lost = []
    for leaf in leaves:
        path = leaf if migration is None else mapped(migration, leaf)
        if path not in machine.states:
            lost.append(leaf)
    return tuple(lost)


def text_of_place(leaves: Leaves) -> str | list[str]:
    """A configuration for people; the empty one is nowhere."""
    return state_text(leaves) if leaves else ""


def summed(tallies: Iterable[Tally]) -> Tally:
    """What several backtests found that each had entities of their own."""
    whole, findings = Tally(), dict[tuple[Any, ...], Finding]()
    for tally in tallies:
        for name in _COUNTS:
            setattr(whole, name, getattr(whole, name) + getattr(tally, name))
        for one in tally.findings:
            key = (one.kind, one.state, one.event, one.why, one.at, one.to, one.went)
            known = findings.get(key)
            findings[key] = one if known is None else _joined(known, one)
    whole.findings = sorted(findings.values(), key=lambda one: (-one.count, one.state, one.event))[:FINDINGS]
    return whole


_COUNTS = tuple(name for name in Tally.__struct_fields__ if name != "findings")


def _joined(one: Finding, other: Finding) -> Finding:
    examples = sorted([*one.examples, *other.examples], key=lambda each: (not each.first, each.position))[:EXAMPLES]
    count, histories = one.count + other.count, one.histories + other.histories
    return msgspec.structs.replace(one, count=count, histories=histories, examples=examples)
