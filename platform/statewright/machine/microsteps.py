"""A run to completion: one event from outside, the microsteps it sets off, and what they write.

Selection and microsteps follow SCXML (W3C, 2015), appendix D. All of a run is in one `Run`, which is thrown away when
the event is refused; the head it began on is left alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from statewright.machine.branches import Compute, Done, Keep, Move, Patch, Raise, Send, Start, Tell, Uncomputed
from statewright.machine.compile import Machine
from statewright.machine.deciding import ACTIONS, LEAVES, MICROSTEPS, Event, Refused, Stopped, Why, named
from statewright.machine.explaining import Tried
from statewright.machine.expressions import Expression, ExpressionError, Moment
from statewright.machine.moments import TEN_YEARS, Micros
from statewright.machine.places import Chain, Choices, Place, Planned
from statewright.machine.record import Leaves, Microstep, Timer
from statewright.machine.schemas import Schema
from statewright.machine.tree import Number

_encode = msgspec.json.Encoder().encode
CREATED = "statewright.created"
"""The event that the initial states are entered with."""


class Run:
    """What is known in the middle of a run. `data` is never changed in place: heads and explanations hold it too."""

    def __init__(
        self,
        machine: Machine,
        event: Event,
        place: Place,
        data: dict[str, Any],
        version: int,
        history: Mapping[str, Any],
    ) -> None:
        self.machine = machine
        self.event = event
        self.place = place
        self.data = data
        self.version = version
        """The version that this run makes."""
        self.history: Mapping[str, Leaves] = history
        self.name = event.name or CREATED
        self.payload = event.payload
        self.steps: list[Microstep] = []
        self.touched: dict[str, None] = {}
        self.emits: list[dict[str, Any]] = []
        self.logs: list[list[Any]] = []
        self.sends: list[dict[str, Any]] = []
        self.left: set[Number] = set()
        self.starts: dict[tuple[Number, str], Micros] = {}
        self._queue: deque[tuple[str, dict[str, Any]]] = deque()
        self._moment: Moment | None = None
        self._actions = 0
        self._notes = False
        self._asked: list[tuple[Move, dict[str, Any]]] = []
        self._writers: dict[str, tuple[int, bool]] = {}

    # --- the run

    def begin(self) -> None:
        """Enter the initial states, from nowhere, and come to rest."""
        self.name, payload, self.payload = CREATED, self.payload, {}
        self._carry_out(self.machine.places.beginning, CREATED)
        self._settle()
        self.name, self.payload = self.event.name or CREATED, payload

    def take(self, choices: Choices) -> None:
        """Take an event from outside, and come to rest. Raises Stopped where it may not happen."""
        only = choices.only
        if only is not None and self._may_send(only):
            moves: Chain = (only,)
        else:
            self._notes = True
            moves = self._choose(choices.chains, roles=True)
            if not moves:
                raise Stopped(self._refusal())
            self._notes = False
        self._step(moves, self.name)
        self._settle()

    def fire(self, chains: tuple[Chain, ...]) -> None:
        """Let a timer fire. That no branch of it holds is no refusal: it is over then, and nothing else happens."""
        moves = self._choose(chains)
        if moves:
            self._step(moves, self.name)
            self._settle()

    def _settle(self) -> None:
        """Until stable: an enabled `always`, else the next internal event. Raises Stopped after too many steps."""
        while not self.place.ended:
            moves = self._choose(self.place.always) if self.place.always else ()
            if moves:
                self._step(moves, "")
            elif self._queue:
                self.name, self.payload = self._queue.popleft()
                moves = self._choose(self._taking(self.name))
                if moves:
                    self._step(moves, self.name)
            else:
                return

    def _taking(self, event: str) -> tuple[Chain, ...]:
        own = self.machine.places.own(self.place, event)
        return own or self.machine.choices(self.place, event).chains

    def _step(self, moves: Chain, cause: str) -> None:
        self._carry_out(self.machine.places.planned(self.place, moves, self.history), cause)

    # --- choosing

    def _choose(self, chains: tuple[Chain, ...], roles: bool = False) -> Chain:
        """The branches that are taken: per leaf the first whose guard holds, unless that one forbids.

        With `roles` the sender must be let through by each of them. Raises Stopped when it is not, or a guard fails.
        """
        chosen: dict[Move, None] = {}
        known: dict[Move, bool] = {}  # leaves share the branches of their common ancestors
        for chain in chains:
            for move in chain:
                if move.guard is not None:
                    holds = known.get(move)
                    if holds is None:
                        holds = known[move] = self._holds(move)
                    if not holds:
                        continue
                if not move.forbids:
                    if roles and not self._may_send(move):
                        raise Stopped(not_allowed(self.event, self.place.leaves, move))
                    chosen[move] = None
                break
        return tuple(chosen)

    def _may_send(self, move: Move) -> bool:
        return move.allow is None or not move.allow.isdisjoint(self.event.actor.roles)

    def _holds(self, move: Move) -> bool:
        guard = move.guard
        assert guard is not None
        try:
            holds = guard.expression.run(self.data, self.payload, guard.params, self.moment())
        except ExpressionError as error:
            self._asked = [(move, self.data)]
            what = f"the guard {guard.name} at {move.pointer}" if guard.name else f"the guard at {move.pointer}"
            raise Stopped(self._failed(what, move.pointer, error)) from None
        if holds is True:
            return True
        if holds is not False:
            self._asked = [(move, self.data)]
            neither = ExpressionError("it gives neither true nor false", 0)
            raise Stopped(self._failed("a guard", move.pointer, neither))
        if self._notes:
            self._asked.append((move, self.data))
        return False

    def moment(self) -> Moment:
        """The circumstances for expressions, as of this microstep."""
        event, moment = self.event, self._moment
        if moment is None:
            moment = self._moment = Moment(
                actor=event.actor,
                now=event.now,
                occurred_at=event.now if event.occurred_at is None else event.occurred_at,
                type=self.machine.type,
                id=event.entity,
                version=self.version - 1,
                related=event.related,
            )
        moment.active = self.place.active
        moment.event = self.name
        return moment

    # --- refusals

    def _refusal(self) -> Refused:
        asked = [move for move, _ in self._asked if not move.forbids]
        where = f"{self.name} is refused in {named(self.place.leaves)}"
        if not asked:
            return Refused(Why.NOT_IN_THIS_STATE, where)
        return Refused(Why.GUARD_REFUSED, f"{where}: {unheld(asked)}", tried=self._tried())

    def _failed(self, what: str, pointer: str, error: ExpressionError) -> Refused:
        detail = f"{self.name} is refused in {named(self.place.leaves)}: {what} failed: {error.sentence}"
        return Refused(Why.GUARD_ERROR, detail, [(pointer, error.sentence)], self._tried())

    def _tried(self) -> Tried:
        return Tried(tuple(self._asked), self.payload, self.moment(), hidden_of(self.machine, self.name, self.event))

    # --- carrying out

    def _carry_out(self, planned: Planned, cause: str) -> None:
        if len(self.steps) == MICROSTEPS:
            raise Stopped(self._unstable())
        self._writers.clear()
        if planned.left:
            self._leave(planned.left)
        for owner, work in planned.work:
            if isinstance(work, Patch):
                self._patch(work, owner if planned.rivals else -1)
            elif isinstance(work, Keep):
                self._keep(work.fields, owner if planned.rivals else -1)
            elif isinstance(work, Done):
                self._queue.append((work.event, {}))
            elif isinstance(work, Start):
                self._start(work)
            else:
                self._act(work)
        self.steps.append(Microstep(cause, planned.exited, planned.entered, planned.branches))
        if planned.history:
            self.history = planned.history
        self.place = planned.place
        if len(self.place.leaves) > LEAVES:
            detail = f"{len(self.place.leaves)} states would be active at once; at most {LEAVES} can be"
            raise Stopped(Refused(Why.TOO_LARGE, detail))

    def _leave(self, left: tuple[Number, ...]) -> None:
        self.left.update(left)
        if self.starts:
            self.starts = {start: due for start, due in self.starts.items() if start[0] not in left}

    def _patch(self, patch: Patch, owner: int) -> None:
        if patch.acts:
            self._count()
        before, data = self.data, dict(self.data)
        for field, value, compute in patch.fields:
            data[field] = value if compute is None else self._computed(compute, before)
        for field in patch.unset:
            data.pop(field, None)
        self._write(patch.writes, owner)
        self.data = data

    def _keep(self, fields: Iterable[str] | None, owner: int) -> None:
        payload = self.payload
        kept = payload if fields is None else {field: payload[field] for field in fields if field in payload}
        if kept:
            self._write(kept, owner, keeps=True)
            self.data = {**self.data, **kept}

    def _write(self, fields: Iterable[str], owner: int, keeps: bool = False) -> None:
        """Note what is written. Raises Stopped when two transitions taken at once write one field.

        That both keep what the event carries is no conflict: they write the same value.
        """
        for field in fields:
            self.touched[field] = None
            if owner >= 0:
                writer, kept = self._writers.setdefault(field, (owner, keeps))
                if writer != owner and not (kept and keeps):
                    detail = (
                        f"{self.name} is refused in {named(self.place.leaves)}: two regions write {field!r} at once"
                    )
                    raise Stopped(Refused(Why.WRITE_CONFLICT, detail))
                if not keeps:
                    self._writers[field] = (owner, False)

    def _act(self, action: Raise | Tell | Send) -> None:
        self._count()
        if isinstance(action, Raise):
            payload = action.payload if action.compute is None else self._computed(action.compute, self.data)
            self._queue.append((action.event, self._fitting(action.event, payload)))
        elif isinstance(action, Tell):
            told = action.value if action.compute is None else self._computed(action.compute, self.data)
            (self.emits if action.part == "emits" else self.logs).append(told)
        else:
            event = action.event if action.compute is None else self._computed(action.compute, self.data)
            id = self.data.get(action.key) if action.key is not None else None
            self.sends.append({"relation": action.relation, "type": action.entity, "id": id, "event": event})

    def _fitting(self, event: str, payload: dict[str, Any]) -> dict[str, Any]:
        schema = self.machine.events.get(event)
        if schema is None:
            return payload
        filled = schema.filled(payload)
        if not schema.fits(filled):
            raise Stopped(misfit(Why.INVALID_PAYLOAD, f"the event {event} that is raised", schema, filled, ""))
        return filled

    def _count(self) -> None:
        self._actions += 1
        if self._actions > ACTIONS:
            detail = f"{self.name} is refused: it sets off more than {ACTIONS} actions"
            raise Stopped(Refused(Why.TOO_LARGE, detail))

    def _computed(self, compute: Compute, data: dict[str, Any]) -> Any:
        try:
            return compute(data, self.payload, self.moment())
        except Uncomputed as failed:
            self._asked = []
            refused = self._failed(f"the expression at {failed.pointer}", failed.pointer, failed.error)
            if refused.tried is not None:
                refused.tried.failed = failed.pointer, failed.expression, data
            raise Stopped(refused) from None

    def _start(self, start: Start) -> None:
        delay = start.delay
        if isinstance(delay, Expression):
            try:
                delay = delay.run_duration(self.data, {}, {}, self.moment())
            except ExpressionError as error:
                raise Stopped(self._failed(f"the delay {start.key}", "", error)) from None
            if delay > TEN_YEARS:
                too_long = ExpressionError("it is longer than ten years", 0)
                raise Stopped(self._failed(f"the delay {start.key}", "", too_long))
        self.starts[start.state, start.key] = self.event.now + max(delay, 0)

    def _unstable(self) -> Refused:
        """More steps than an event may set off: the refusal that names the circle they run in."""
        seen: list[tuple[str, Leaves]] = [(step.cause, step.entered) for step in self.steps]
        last = len(seen) - 1
        length = next((n for n in range(1, last) if seen[last - n] == seen[last]), last)
        circle = self.steps[last - length + 1 :]
        said = [f"{step.cause or 'always'} at {', '.join(step.branches)}" for step in circle[:5]]
        more = f" and {length - 5} more" if length > 5 else ""
        detail = (
            f"{self.name} is refused: after {MICROSTEPS} steps it goes on in a circle of {' then '.join(said)}{more}"
        )
        places = dict.fromkeys(pointer for step in circle for pointer in step.branches)
        return Refused(Why.UNSTABLE, detail, [(pointer, "it is taken again and again") for pointer in places][:20])

    # --- what is left of it

    def timers(self, running: tuple[Timer, ...]) -> tuple[tuple[tuple[str, str], ...], tuple[Timer, ...]]:
        """Which of the `running` timers stop, and which start, now that the run is over."""
        paths, fired = self.machine.tree.paths, self.event.timer
        ended = self.place.ended
        left = {paths[number] for number in self.left} if running else frozenset()
        stopped = tuple((one.state, one.key) for one in running if ended or one.state in left or one == fired)
        if ended:
            return stopped, ()
        order = sorted(self.starts.items(), key=lambda start: start[0][0])
        return stopped, tuple(Timer(paths[number], key, due, self.version) for (number, key), due in order)


def not_allowed(event: Event, leaves: Leaves, *moves: Move) -> Refused:
    """The refusal for want of a role, naming those that would do."""
    wanted = " or ".join(sorted({role for move in moves for role in move.allow or ()}))
    roles = ", ".join(event.actor.roles) or "no role"
    detail = f"{event.name} is refused in {named(leaves)}: it takes the role {wanted}, {event.actor.id} has {roles}"
    places = [(move.pointer + "/allow", f"it takes the role {' or '.join(sorted(move.allow or ()))}") for move in moves]
    return Refused(Why.NOT_ALLOWED, detail, places)


def unheld(moves: Iterable[Move]) -> str:
    """What did not hold, as the end of a sentence."""
    guards = dict.fromkeys(_guard_words(move) for move in moves)
    said = list(guards)[:3]
    more = f" (nor do {len(guards) - 3} others)" if len(guards) > 3 else ""
    return f"{', '.join(said)} {'does' if len(said) == 1 else 'do'} not hold{more}"


def _guard_words(move: Move) -> str:
    guard = move.guard
    if guard is None:
        return move.pointer
    text = guard.name or guard.expression.text
    return text if len(text) <= 120 else text[:119] + "…"


def misfit(why: Why, what: str, schema: Schema, value: Mapping[str, Any], pointer: str = "/data") -> Refused:
    """The refusal of something that does not fit its schema: the first fault in the sentence, all of them by place."""
    faults = schema.faults(value)
    at, sentence = faults[0] if faults else ("", "it does not fit its schema")
    place = f"at {at}: " if at else ""
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return Refused(why, f"{what}: {place}{sentence}{more}", [(pointer + at, said) for at, said in faults])


def hidden_of(machine: Machine, name: str, event: Event) -> frozenset[str]:
    """The paths of personal values, which no explanation shows."""
    schema = machine.events.get(name)
    paths = [f"context.{field}" for field in machine.personal]
    if schema is not None:
        paths += [f"event.{field}" for field in schema.personal]
    return event.hidden.union(paths)
