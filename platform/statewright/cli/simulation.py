"""Plausible lives of entities under any definition: who sends what, when, and where it leads.

Nothing here is told about a particular definition. Which way is likely, how long a state lasts and who works there are
drawn once from the definition's digest, so they are stable from run to run; what happens to one entity is drawn from
the seed. Every event is decided by the machine before it is given out, so all of them will be accepted, but for the
mistakes that are asked for. The clock of these lives is a simulated one: what a state started with `after` fires when
it is due, before whatever anybody would have done later.
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
from statewright.machine.playing import CLOCK, record_of
from statewright.machine.record import ANONYMOUS, Actor, Head, Leaves, Timer, fold

_SECOND = 1_000_000
_HOUR = 3_600 * _SECOND
_DAY = 24 * _HOUR
OPENS, CLOSES = 8, 18
"""Working hours, UTC, Monday to Friday; most people keep to them."""
EVENTS = 80
"""How many events one entity sees at most, so that a definition of circles comes to an end."""
_TRIES = 6
_GROWS = 0.6
"""An exponent below 1 has more lives begin late than early."""
_FORGOTTEN = 0.08
"""How often nobody does anything about an entity before a timer of its state is due."""
_SUITS = 0.7
"""How often a payload is made to suit what guards ask."""
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
    stuck: set[Timer] = field(default_factory=set)

    def next_timer(self) -> Timer | None:
        """The timer that is due first; those that could not fire wait until something else happens."""
        running = [timer for timer in self.head.timers if timer not in self.stuck] if self.head is not None else []
        return min(running, key=lambda timer: timer.due, default=None)


class Happening(Struct, frozen=True):
    """What happens to an entity at a moment: somebody sends a command, or a timer fires. `late`: stamped earlier."""

    moment: Micros
    entity: str
    line: Line | None = None
    timer: Timer | None = None
    late: bool = False


class Simulation:
    """Takes entities of one definition from event to event. `refused` says why an event could never be made up.

    With `related`, what names another entity names one of so many made-up ones: `order-00001` to that number.
    """

    def __init__(self, machine: Machine, seed: int, pace: float = 1.0, related: int = 0) -> None:
        self.machine = machine
        self.refused: dict[str, str] = {}
        self._random = Random(f"{machine.digest}:{seed}")  # noqa: S311  # a stable source is wanted, not a secret one
        self._pace = pace
        self._related = related
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
        leaves = life.head.leaves
        allowed = self.machine.allowed(leaves)
        wrong = sorted(event for event in self.machine.named_events if event not in allowed)
        guarded = [event for event in allowed if any(move.guard for move in self.machine.moves(leaves, event))]
        tried = guarded if guarded and (not wrong or self.chance(0.5)) else wrong
        if not tried:
            return None
        event = self._random.choice(tried)
        for _ in range(_TRIES if event in guarded else 1):
            payload = Values(self._written(event), self._random, moment).object()
            roles = self._roles(leaves, event) if event in guarded else sorted(self.machine.definition.roles)
            sent = self._event(life, event, dict(payload), self._actor(life, roles), moment)
            if not isinstance(decide(self.machine, life.head, sent), Accepted):
                return self._line(life, sent, payload, moment)
        return None

    def fire(self, life: Life, timer: Timer) -> bool:
        """Let a timer of `life` fire when it is due; False when its decision fails, which leaves it stuck."""
        event = Event(name=None, actor=CLOCK, now=timer.due, occurred_at=timer.due, entity=life.entity, timer=timer)
        decision = decide(self.machine, life.head, event)
        if not isinstance(decision, Accepted):
            life.stuck.add(timer)
            return False
        self._move(life, event, decision)
        return True

    def is_forgotten(self, life: Life) -> bool:
        """Whether nobody comes back to an entity before its next timer is due."""
        return life.next_timer() is not None and self.chance(_FORGOTTEN)

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
        """A moment at which somebody begins something; more and more do, so that many are under way at the end."""
        for _ in range(_TRIES):
            moment = self.at_work(since + int((until - since) * self._random.random() ** _GROWS))
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
            actor = self._actor(life, self._roles(self.machine.initial, first))
            line = self._decided(life, self._event(life, None, self._initial_data(moment), actor, moment), moment)
            if line is not None:
                return line
        return None

    def _send(self, life: Life, leaves: Leaves, event: str, moment: Micros) -> Line | None:
        schema = self.machine.events.get(event)
        guarded = any(move.guard for move in self.machine.moves(leaves, event))
        for _ in range(_TRIES if schema is not None or guarded else 1):
            payload = Values(self._written(event), self._random, moment).object() if schema is not None else {}
            self._refer(payload)
            if life.head is not None and guarded:
                self._suit(payload, life.head, leaves, event)
            sent = self._event(life, event, payload, self._actor(life, self._roles(leaves, event)), moment)
            needs_data = life.head is None and self.machine.context is not None and self.machine.context.required
            sent.create = self._initial_data(moment) if needs_data else True
            line = self._decided(life, sent, moment)
            if line is not None:
                return line
            life.people.clear()  # perhaps somebody else may
        return None

    def _suit(self, payload: dict[str, Any], head: Head, leaves: Leaves, event: str) -> None:
        """Mostly, give what guards read of the payload a value that goes with what they read of the entity's data.

        Of its own values, and of the differences between numbers: what is left to pay is total less paid.
        """
        for move in self.machine.moves(leaves, event):
            if move.guard is None:
                continue
            expression = move.guard.expression
            own = [head.data[name] for name in sorted(expression.reads_context) if name in head.data]
            numbers = [value for value in own if type(value) is int]
            own += [one - other for one in numbers for other in numbers if one > other]
            for name in sorted(expression.reads_event.intersection(payload)):
                alike = [value for value in own if type(value) is type(payload[name]) and value]
                if alike and self.chance(_SUITS):
                    payload[name] = self._random.choice(alike)

    def _written(self, event: str) -> dict[str, Any]:
        return self.machine.definition.schemas.events.get(event, {})

    def _event(self, life: Life, name: str | None, payload: dict[str, Any], actor: Actor, moment: Micros) -> Event:
        return Event(name=name, payload=payload, actor=actor, now=moment, entity=life.entity)

    def _decided(self, life: Life, event: Event, moment: Micros) -> Line | None:
        """What the machine says to `event`: a line and `life` moved on, or None and the reason remembered."""
        sent = dict(event.payload)
        decision = decide(self.machine, life.head, event)
        if not isinstance(decision, Accepted):
            self.refused[event.name or "creation"] = decision.detail
            return None
        self.refused.pop(event.name or "creation", None)
        self._move(life, event, decision)
        return self._line(life, event, sent, moment)

    def _move(self, life: Life, event: Event, accepted: Accepted) -> None:
        life.head = fold(life.head, record_of(self.machine, life.head, event, accepted))
        life.visits[accepted.to] = life.visits.get(accepted.to, 0) + 1
        life.stuck.clear()

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
        data = Values(schema, self._random, moment).object(leave_out=context.read_only | later)
        self._refer(data)
        return data

    def _refer(self, values: dict[str, Any]) -> None:
        """Have references lead to entities that are made up too."""
        for relation in self.machine.definition.relations.values() if self._related else ():
            if relation.key is not None and isinstance(values.get(relation.key), str):
                values[relation.key] = f"{relation.entity}-{self._random.randint(1, self._related):05}"

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

    What would happen after `until` has not happened yet: those entities are left under way, and so are those for which
    a timer would come next, since a timer cannot be sent: it is the server's, and runs from when that hears of the
    entity. `late` is the share of events that are stamped earlier than the one before them, `mistakes` how many are
    tried besides and refused.
    """
    lives = happenings(
        simulation,
        entities=entities,
        since=since,
        until=until,
        late=late,
        mistakes=mistakes,
        prefix=prefix,
        firing=False,
    )
    return (happening.line for happening in lives if happening.line is not None)


def happenings(
    simulation: Simulation,
    *,
    entities: int,
    since: Micros,
    until: Micros,
    late: float = 0.0,
    mistakes: float = 0.0,
    prefix: str | None = None,
    firing: bool = True,
) -> Iterator[Happening]:
    """The same with the timers that fire, for who can keep their clock. Moments never fall.

    Without `firing` a life is left where a timer would come next.
    """
    prefix = simulation.machine.type if prefix is None else prefix
    arrivals = sorted(simulation.arrival(since, until) for _ in range(entities))
    due = [
        (moment - moment % 1_000, number, Life(f"{prefix}-{number:05}")) for number, moment in enumerate(arrivals, 1)
    ]
    numbers = itertools.count(1)
    while due:
        moment, number, life = heapq.heappop(due)
        timer = life.next_timer()
        if timer is not None and timer.due <= moment:
            if simulation.fire(life, timer):
                yield Happening(moment, life.entity, timer=timer)
        else:
            line = simulation.step(life, moment)
            if line is None or life.head is None:
                continue
            is_late = life.moment > 0 and simulation.chance(late)
            if is_late:
                line.occurred_at = text_of(simulation.earlier(life.moment))
            yield Happening(moment, life.entity, _with_id(line, simulation, next(numbers)), late=is_late)
            wrong = simulation.mistake(life, moment) if simulation.chance(mistakes) else None
            if wrong is not None:
                yield Happening(moment, life.entity, _with_id(wrong, simulation, next(numbers)))
        life.moment = moment
        following = _following(simulation, life, moment, firing)
        if following is not None and following < until:
            heapq.heappush(due, (following, number, life))


def _following(simulation: Simulation, life: Life, moment: Micros, firing: bool) -> Micros | None:
    """When the next thing happens to an entity; None when nothing does, or when that is a timer and none may fire."""
    head = life.head
    if head is None or head.version >= EVENTS or simulation.machine.is_final(head.leaves):
        return None
    stay_s = simulation.stay_s(head.leaves)
    following = simulation.at_work(moment + int(stay_s * _SECOND))
    following -= following % 1_000
    timer = life.next_timer()
    if timer is not None and (timer.due <= following or simulation.is_forgotten(life)):
        return max(timer.due, moment) if firing else None
    return following


def _with_id(line: Line, simulation: Simulation, number: int) -> Line:
    return replace(line, id=f"simulated:{simulation.machine.digest[:8]}:{number}")


def _working(moment: Micros) -> bool:
    weekday = (moment // _DAY + 3) % 7  # the first of January 1970 was a Thursday
    return weekday < 5 and OPENS <= moment // _HOUR % 24 < CLOSES
