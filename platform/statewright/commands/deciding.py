"""A group's decisions: what callers wait for, and each event decided on the head that those before it would leave."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterator, Sequence

from msgspec import Struct

from statewright.catalog import Catalog, CatalogError
from statewright.commands.recording import erased_step, refusal_of, step_of
from statewright.commands.relating import NOTHING, missing_of, refs_of, seen_of
from statewright.commands.words import Answer, Done, Failed, NotDone, SendEvent, SendTogether, Together
from statewright.machine.compile import Machine
from statewright.machine.decide import Event, Refused, Why, decide
from statewright.machine.moments import Micros
from statewright.machine.record import COMMANDS_KEPT, Head
from statewright.stores.words import Append, Ref, Step

AHEAD_AT_MOST = 5 * 60 * 1_000_000
"""How far `occurred_at` may lie ahead of our clock, in microseconds: clocks differ."""


class Job(Struct, gc=False):
    """What one caller waits for: several events, answered one by one, or `together`, answered as one."""

    sends: Sequence[SendEvent]
    answers: list[Answer | None]
    future: asyncio.Future[list[Answer]]
    together: SendTogether | None = None
    outcome: Together | Failed | None = None


Item = tuple[Job, int]
"""One thing to decide: the job and which of its events; -1 for all of them together."""


def machine_of(catalog: Catalog, send: SendEvent, head: Head | None) -> Machine | None:
    """The machine that decides; None where the type is not known. Raises CatalogError."""
    kind = send.ref.type
    return catalog.active(kind) if head is None else catalog.machine_of(kind, head.revision)


class Deciding:
    """One round's decisions: each event on the head that the ones before it in the group would leave."""

    def __init__(
        self,
        catalog: Catalog,
        heads: dict[Ref, Head | None],
        known: Collection[tuple[Ref, str]],
        now: Micros,
        *,
        names: Iterator[str],
        told: Collection[tuple[str, int]],
    ) -> None:
        """`known` are the group's commands that stand late in the log, `names` give an id to commands without one.

        `told` are the revisions whose document the log names already.
        """
        self.catalog = catalog
        self._names = names
        self._told = told
        self.heads = heads
        self.known = known
        self.now = now
        self.appends: list[Append] = []
        self.owners: list[Item] = []
        self.answers: list[Done | Together] = []
        self.settled: list[tuple[Item, Answer | Together]] = []
        self.doubtful: list[tuple[Item, Answer | Together, Sequence[Ref]]] = []
        self.repeats: list[tuple[Item, Ref, str, str]] = []
        self.again: list[Item] = []
        self.lost: set[Ref] = set()
        self.unread: set[Ref] = set()
        self._waiting: set[Ref] = set()
        self._looked_at: tuple[Ref, ...] = ()
        self._accepted: set[tuple[Ref, str]] = set()
        self._machine: Machine | None = None
        """The last one asked for: most groups are of one type."""

    def item(self, item: Item) -> None:
        """Decide one thing, or find that it is a repeat or must wait for the next round."""
        job, index = item
        if self._waiting and any(send.ref in self._waiting for send in sends_of(item)):
            self._wait(item)
            return
        if job.together is not None:
            self._together(item, job.together)
            return
        send = job.sends[index]
        command = send.command
        if command is None:
            command = next(self._names)
            if not send.dry_run:
                send.command = command  # what becomes unknown can be asked about by it
        elif self._is_repeat(item, send.ref, command, send.digest):
            return
        step = self._decide(send, command, send.digest, self.heads)
        if type(step) is tuple:
            self._accept_one(item, send, command, *step)
        elif step is None:
            self._wait(item)
        elif type(step) is NotDone:
            self.doubtful.append((item, step, self._looked_at))
        elif type(step) is Failed:
            self.settled.append((item, step))

    def _accept_one(self, item: Item, send: SendEvent, command: str, step: Step, machine: Machine) -> None:
        if send.dry_run:
            step.record.recorded_at = self.now
            self.doubtful.append((item, Done(step.record, machine, dry_run=True), self._looked_at))
            return
        self._accept(item, Append(command, send.digest, self.now, (step,)), Done(step.record, machine))
        self._accepted.add((send.ref, command))
        self.heads[send.ref] = step.after

    def _accept(self, item: Item, append: Append, answer: Done | Together) -> None:
        self.appends.append(append)
        self.owners.append(item)
        self.answers.append(answer)

    def lose(self, append: Append) -> list[Ref]:
        """Take note that what was accepted was not recorded; gives the entities that stand elsewhere."""
        refs = [Ref(step.record.type, step.record.entity) for step in append.steps]
        self.lost.update(refs)
        return refs

    def _is_repeat(self, item: Item, ref: Ref, command: str, digest: str) -> bool:
        head = self.heads[ref]
        if head is None or not (head.version > COMMANDS_KEPT or head.remembers(command)):
            return False
        if (ref, command) in self._accepted:
            self.again.append(item)  # sent twice in one group: the second is answered when the first is in the log
            return True
        if head.remembers(command) or (ref, command) in self.known:
            self.repeats.append((item, ref, command, digest))
            return True
        return False

    def _together(self, item: Item, command: SendTogether) -> None:
        first = command.sends[0].ref
        if self._is_repeat(item, first, command.command, command.digest):
            return
        heads: dict[Ref, Head | None] = {send.ref: self.heads[send.ref] for send in command.sends}
        steps: list[Step] = []
        done: list[Done] = []
        looked_at: dict[Ref, None] = dict.fromkeys(heads)
        for index, send in enumerate(command.sends):
            found = self._decide(send, command.command, command.digest, heads)
            looked_at.update(dict.fromkeys(self._looked_at))
            if found is None:
                self._wait(item)
                return
            if type(found) is NotDone:
                self.doubtful.append((item, Together((), found, index), tuple(looked_at)))
                return
            if type(found) is Failed:
                self.settled.append((item, Failed(found.code, found.detail, command.command)))
                return
            if type(found) is tuple:
                steps.append(found[0])
                done.append(Done(found[0].record, found[1]))
                heads[send.ref] = found[0].after
        self._accept(item, Append(command.command, command.digest, self.now, steps), Together(done))
        self._accepted.add((first, command.command))
        self.heads.update((ref, head) for ref, head in heads.items() if head is not None)

    def _decide(
        self, send: SendEvent, command: str, digest: str, heads: dict[Ref, Head | None]
    ) -> tuple[Step, Machine] | NotDone | Failed | None:
        """What becomes of one event; None when a related entity must be read first."""
        head = heads[send.ref]
        self._looked_at = (send.ref,)
        if send.erase and head is None:
            return NotDone(Refused(Why.UNKNOWN_ENTITY, "there is no such entity"), send, None, None)
        machine = self._machine
        if machine is None or head is None or machine.revision != head.revision or machine.type != send.ref.type:
            try:
                machine = self._machine = machine_of(self.catalog, send, head)
            except CatalogError as error:  # others of the group live under definitions that are there
                detail = f"the definition that {send.ref.type}/{send.ref.id} lives by cannot be had: {error}"
                return Failed("store_unavailable", detail, command)
            if machine is None:
                return NotDone(_unknown_type(send.ref.type), send, head, None)
        if send.erase and head is not None:
            return erased_step(send, command, digest, head), machine
        if send.occurred_at is not None and send.occurred_at > self.now + AHEAD_AT_MOST:
            refused = Refused(Why.IN_THE_FUTURE, "`occurred_at` is more than five minutes ahead of our clock")
            return NotDone(refused, send, head, machine)
        seen = NOTHING
        if machine.relations and head is not None:
            refs = refs_of(machine, head.data)
            known = self.heads if heads is self.heads else {**self.heads, **heads}
            unread = missing_of(refs.values(), known)
            if unread:
                self.unread.update(unread)
                return None
            seen = seen_of(self.catalog, refs, known)
            self._looked_at = (send.ref, *refs.values())
        event = Event(
            send.event,
            send.data,
            send.actor,
            send.expected,
            send.create,
            send.size,
            self.now,
            send.occurred_at,
            send.ref.id,
            seen.related,
            seen.hidden,
            send.timer,
        )
        outcome = decide(machine, head, event)
        if type(outcome) is Refused:
            return NotDone(outcome, send, head, machine)
        step = step_of(machine, send, command, digest, head, outcome, self.now, seen.reads)
        if (machine.type, machine.revision) not in self._told:
            step.record.definition = machine.digest
        return step, machine

    def _wait(self, item: Item) -> None:
        """Decide this one in the next round, and after it what comes later on the same entities."""
        self.again.append(item)
        self._waiting.update(send.ref for send in sends_of(item))

    def note(self, job: Job, answer: Answer | Together) -> None:
        """Take note of a refusal, once it is to be let out. That a timer does not fire is told elsewhere."""
        refusal = answer.refusal if isinstance(answer, Together) else answer
        if isinstance(refusal, NotDone) and not (refusal.send.dry_run or refusal.send.erase or refusal.send.timer):
            command = job.together.command if job.together is not None else refusal.send.command or ""
            self.catalog.refusals.note(refusal_of(refusal, command, self.now))


def _unknown_type(kind: str) -> Refused:
    detail = f"no revision of {kind[:63]!r} is active; register its definition and activate it"
    return Refused(Why.UNKNOWN_TYPE, detail)


def sends_of(item: Item) -> Sequence[SendEvent]:
    """The events of one thing to decide."""
    job, index = item
    return job.sends if index < 0 else (job.sends[index],)


def put(job: Job, index: int, answer: Answer | Together) -> None:
    """Keep the answer for who waits for it."""
    if index >= 0:
        assert type(answer) is not Together  # `isinstance` of a struct takes a tenth of a microsecond to say no
        job.answers[index] = answer
    elif isinstance(answer, Together | Failed):
        job.outcome = answer
    else:
        job.outcome = Together((), answer if isinstance(answer, NotDone) else None, 0)
