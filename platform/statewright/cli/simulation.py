"""Plausible lives of entities under any definition: who sends what, when, and where it leads.

Nothing here is told about a particular definition. Which way is likely, how long a state lasts and who works there are
drawn once from the definition's digest, so they are stable from run to run; what happens to one entity is drawn from
the seed. Every event is decided by the machine before it is given out, so all of them will be accepted, but for the
mistakes that are asked for.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from math import log
from random import Random
from typing import Any

from msgspec import UNSET, Struct, field
from msgspec.structs import replace

from statewright.cli.lines import Line
from statewright.machine.compile import Machine
from statewright.machine.decide import Accepted, Event, decide
from statewright.machine.moments import Micros, text_of
from statewright.machine.plausible import NAMES, Values
from statewright.machine.record import ANONYMOUS, Actor, Head, Leaves

_SECOND = 1_000_000
_HOUR = 3_600 * _SECOND
_DAY = 24 * _HOUR
OPENS, CLOSES = 8, 18
"""Working hours, UTC, Monday to Friday; most people keep to them."""
EVENTS = 80
"""How many events one entity sees at most, so that a definition of circles comes to an end."""
_TRIES = 6
_LIKELY = {"danger": 0.06, "success": 1.5}
_ENDS = 0.3
"""How likely it is, beside other ways, that a life ends in a state of no particular tone."""


class Life(Struct):
    """One entity on its way: where it stands (None before it exists), who works on it, where it has been."""

    entity: str
    head: Head | None = None
    people: dict[str, Actor] = field(default_factory=dict)
    visits: dict[Leaves, int] = field(default_factory=dict)
    moment: Micros = 0


class Simulation:
    """Takes entities of one definition from event to event. `refused` says why an event could never be made up."""

    def __init__(self, machine: Machine, seed: int, pace: float = 1.0) -> None:
        self.machine = machine
        self.refused: dict[str, str] = {}
        self._random = Random(f"{machine.digest}:{seed}")  # noqa: S311  # a stable source is wanted, not a secret one
        self._pace = pace
        self._weights: dict[tuple[Leaves, str], float] = {}
        self._stays: dict[Leaves, tuple[float, float]] = {}

    def step(self, life: Life, moment: Micros) -> Line | None:
        """The next event of an entity at `moment`, and `life` moved on; None when nothing more happens to it."""
        if life.head is None and not self.machine.implicit:
            return self._create(life, moment)
        leaves = self.machine.initial if life.head is None else life.head.leaves
        events = list(self.machine.allowed(leaves))
        while events:
            weights = [self._weight(life, leaves, event) for event in events]
            event = self._random.choices(events, weights)[0]
            line = self._send(life, leaves, event, moment)
            if line is not None:
                return line
            events.remove(event)
        return None

    def mistake(self, life: Life, moment: Micros) -> Line | None:
        """An event that somebody tries in vain where the entity stands; None when there is none."""
        if life.head is None:
            return None
        allowed = self.machine.allowed(life.head.leaves)
        wrong = sorted(event for event in self.machine.named_events if event not in allowed)
        if not wrong:
            return None
        event = self._random.choice(wrong)
        written = self.machine.definition.schemas.events.get(event, {})
        payload = Values(written, self._random, moment).object()
        actor = self._actor(life, sorted(self.machine.definition.roles))
        if isinstance(decide(self.machine, life.head, Event(name=event, payload=dict(payload), actor=actor)), Accepted):
            return None
        return self._line(life, Event(name=event, payload=payload, actor=actor), payload, moment)

    def stay_s(self, leaves: Leaves) -> float:
        """How many seconds an entity stays in `leaves`: log-normal, with a median that belongs to the state."""
        if leaves not in self._stays:
            temper = self._temper("stay", *leaves)
            tags = {tag for leaf in leaves for tag in self.machine.states[leaf].tags}
            median_s = temper.lognormvariate(log(5 * 3_600), 1.0) * (3 if "waiting" in tags else 1)
            self._stays[leaves] = (log(max(60.0, median_s * self._pace)), temper.uniform(0.5, 1.1))
        return self._random.lognormvariate(*self._stays[leaves])

    def at_work(self, moment: Micros) -> Micros:
        """`moment`, or for most of those at night and on weekends a moment of the next working morning."""
        if self._random.random() < 0.12 or _working(moment):
            return moment
        morning = moment - moment % _DAY + OPENS * _HOUR
        if morning < moment:
            morning += _DAY
        while not _working(morning):
            morning += _DAY
        return morning + int(self._random.expovariate(1 / (1.5 * _HOUR))) % ((CLOSES - OPENS) * _HOUR)

    def arrival(self, since: Micros, until: Micros) -> Micros:
        """A moment at which somebody begins something."""
        for _ in range(_TRIES):
            moment = self.at_work(self._random.randrange(since, until))
            if moment < until:
                return moment
        return self._random.randrange(since, until)

    def chance(self, share: float) -> bool:
        """True in this share of cases."""
        return self._random.random() < share

    def earlier(self, moment: Micros) -> Micros:
        """Some minutes before `moment`."""
        return moment - int(self._random.uniform(1, 120) * 60 * _SECOND)

    # --- One event ---

    def _create(self, life: Life, moment: Micros) -> Line | None:
        first = next(iter(self.machine.allowed(self.machine.initial)), None)
        for _ in range(_TRIES):
            data = self._initial_data(moment)
            actor = self._actor(life, self._roles(self.machine.initial, first))
            line = self._decided(life, Event(name=None, payload=data, actor=actor), moment)
            if line is not None:
                return line
        return None

    def _send(self, life: Life, leaves: Leaves, event: str, moment: Micros) -> Line | None:
        schema = self.machine.events.get(event)
        written = self.machine.definition.schemas.events.get(event, {})
        for _ in range(_TRIES if schema is not None else 1):
            payload = Values(written, self._random, moment).object() if schema is not None else {}
            actor = self._actor(life, self._roles(leaves, event))
            needs_data = life.head is None and self.machine.context is not None and self.machine.context.required
            create = self._initial_data(moment) if needs_data else True
            line = self._decided(life, Event(name=event, payload=payload, actor=actor, create=create), moment)
            if line is not None:
                return line
        return None

    def _decided(self, life: Life, event: Event, moment: Micros) -> Line | None:
        """What the machine says to `event`: a line and `life` moved on, or None and the reason remembered."""
        sent = dict(event.payload)
        event.now = moment
        decision = decide(self.machine, life.head, event)
        if not isinstance(decision, Accepted):
            self.refused[event.name or "creation"] = decision.detail
            return None
        self.refused.pop(event.name or "creation", None)
        version = 1 if life.head is None else life.head.version + 1
        life.head = Head(
            version=version,
            revision=self.machine.revision,
            leaves=decision.to,
            data=decision.data,
            history=decision.history or (life.head.history if life.head is not None else {}),
        )
        life.visits[decision.to] = life.visits.get(decision.to, 0) + 1
        return self._line(life, event, sent, moment)

    def _line(self, life: Life, event: Event, payload: dict[str, Any], moment: Micros) -> Line:
        return Line(
            type=self.machine.type,
            entity=life.entity,
            event=event.name,
            data=payload or UNSET,
            create=event.create if isinstance(event.create, dict) else UNSET,
            occurred_at=text_of(moment),
            actor=UNSET if event.actor == ANONYMOUS else event.actor,
        )

    def _initial_data(self, moment: Micros) -> dict[str, object]:
        context = self.machine.context
        if context is None:
            return {}
        schema = self.machine.definition.schemas.context or {}
        later = frozenset(name for name in context.fields if name not in context.required)
        return Values(schema, self._random, moment).object(leave_out=context.read_only | later)

    # --- What is likely ---

    def _temper(self, *of: str) -> Random:
        """A random source that belongs to the definition, whatever the seed."""
        return Random("|".join((self.machine.digest, *of)))  # noqa: S311  # stable, not secret

    def _weight(self, life: Life, leaves: Leaves, event: str) -> float:
        """How likely `event` is here: by temper, by where it leads, and less with each time it led there before."""
        to = self._leads(leaves, event)
        if (leaves, event) not in self._weights:
            usual = _ENDS if to == leaves or self.machine.is_final(to) else 1.0
            likely = min(_LIKELY.get(self.machine.states[leaf].tone, usual) for leaf in to)
            self._weights[leaves, event] = likely * self._temper("weight", *leaves, event).lognormvariate(0, 0.6)
        again = 0.45 ** life.visits.get(to, 0)
        begins = 0.05 if life.head is None and to == leaves else 1.0  # a life rarely begins with a remark
        return self._weights[leaves, event] * again * begins + 1e-9

    def _leads(self, leaves: Leaves, event: str) -> Leaves:
        moves = self.machine.moves(leaves, event)
        return self.machine.leads(leaves, moves[0]) if moves else leaves

    def _roles(self, leaves: Leaves, event: str | None) -> list[str]:
        """The roles of which one must send `event`; where anyone may, those the definition speaks of."""
        for move in self.machine.moves(leaves, event) if event is not None else ():
            if move.allow is not None:
                return sorted(move.allow)
        return sorted(self.machine.definition.roles)

    def _actor(self, life: Life, roles: list[str]) -> Actor:
        """Somebody with one of `roles`, mostly whoever had to do with this entity in that role before."""
        role = self._random.choice(roles) if roles else ""
        if role == "system":
            return Actor("system", ("system",))
        if role not in life.people or self._random.random() < 0.25:
            staff = self._temper("people", role).sample(NAMES, 5)
            life.people[role] = Actor(self._random.choice(staff), (role,) if role else ())
        return life.people[role]


def histories(
    simulation: Simulation,
    *,
    entities: int,
    since: Micros,
    until: Micros,
    late: float = 0.0,
    mistakes: float = 0.0,
    prefix: str | None = None,
) -> Iterator[Line]:
    """The lives of `entities` entities that begin between two moments, as commands in order of time.

    What would happen after `until` has not happened yet: those entities are left under way. `late` is the share of
    events that are stamped earlier than the one before them, `mistakes` how many are tried besides and refused.
    """
    prefix = simulation.machine.type if prefix is None else prefix
    arrivals = sorted(simulation.arrival(since, until) for _ in range(entities))
    due = [(moment, number, Life(f"{prefix}-{number:05}")) for number, moment in enumerate(arrivals, 1)]
    numbers = itertools.count(1)
    while due:
        moment, number, life = heapq.heappop(due)
        line = simulation.step(life, moment - moment % 1_000)
        if line is None or life.head is None:
            continue
        if life.moment and simulation.chance(late):
            line.occurred_at = text_of(simulation.earlier(life.moment))
        yield _with_id(line, simulation, next(numbers))
        wrong = simulation.mistake(life, moment - moment % 1_000) if simulation.chance(mistakes) else None
        if wrong is not None:
            yield _with_id(wrong, simulation, next(numbers))
        life.moment = moment
        leaves = life.head.leaves
        following = simulation.at_work(moment + int(simulation.stay_s(leaves) * _SECOND))
        if following < until and life.head.version < EVENTS and not simulation.machine.is_final(leaves):
            heapq.heappush(due, (following, number, life))


def _with_id(line: Line, simulation: Simulation, number: int) -> Line:
    return replace(line, id=f"simulated:{simulation.machine.digest[:8]}:{number}")


def _working(moment: Micros) -> bool:
    weekday = (moment // _DAY + 3) % 7  # the first of January 1970 was a Thursday
    return weekday < 5 and OPENS <= moment // _HOUR % 24 < CLOSES
