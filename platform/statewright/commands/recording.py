"""From a decision to what is recorded: the one place where an accepted event becomes a record and a head.

What is refused is not in the log, and becomes a refusal of the catalogue.
"""

from __future__ import annotations

from statewright.catalog import Refusal
from statewright.commands.words import NotDone, SendEvent
from statewright.machine.compile import Machine
from statewright.machine.decide import Accepted
from statewright.machine.explaining import body_of
from statewright.machine.moments import Micros
from statewright.machine.places import AFTER
from statewright.machine.record import COMMANDS_KEPT, Head, Record, timers_after
from statewright.stores.sealing import apart
from statewright.stores.words import Step

_REFUSED_BYTES = 256 * 1024
"""A larger payload is not handed on with its refusal, of which only 4 kB would be kept."""
_NOTHING: dict[str, tuple[str, int]] = {}


def step_of(
    machine: Machine,
    send: SendEvent,
    command: str,
    digest: str,
    head: Head | None,
    accepted: Accepted,
    now: Micros,
    reads: dict[str, tuple[str, int]] = _NOTHING,
) -> Step:
    """The transition to append. The head after it is what folding its record would give, made without the fold."""
    ref = send.ref
    occurred_at = send.occurred_at
    record = Record(
        type=ref.type,
        entity=ref.id,
        version=1 if head is None else head.version + 1,
        command=command,
        from_=accepted.from_,
        to=accepted.to,
        revision=machine.revision,
        event=send.event,
        kind=accepted.kind,
        changes=accepted.changes,
        # A creation's payload is its data, and stands in `changes`.
        payload={} if send.event is None else accepted.payload,
        digest=digest,
        actor=send.actor,
        occurred_at=occurred_at,
        reads=reads,
    )
    # What most transitions lack is set where it is there: handed over above, it would take as long as all the rest.
    if head is not None and (now if occurred_at is None else occurred_at) < head.happened_at:
        record.late = True
    if send.correlation is not None or send.causation is not None:
        record.correlation, record.causation = send.correlation, send.causation
    if accepted.removed or accepted.steps:
        record.removed, record.steps = accepted.removed, accepted.steps
    if not machine.flat:
        _add_of_chart(record, send, accepted)
    if machine.personal or machine.personal_events:
        _seal(machine, record)
    return Step(record, head, _head_after(machine, record, head, accepted, now))


def _add_of_chart(record: Record, send: SendEvent, accepted: Accepted) -> None:
    """What only a machine with timers, actions or states within states writes down."""
    if send.timer is not None:
        record.event = f"{AFTER}{send.timer.key}.{send.timer.state}"
    record.history = accepted.history
    record.timers_started, record.timers_stopped = accepted.timers_started, accepted.timers_stopped
    record.emits, record.sends, record.logs = accepted.emits, accepted.sends, accepted.logs


def _head_after(machine: Machine, record: Record, head: Head | None, accepted: Accepted, now: Micros) -> Head:
    happened_at = now if record.occurred_at is None else record.occurred_at
    version, command = record.version, record.command
    personal = tuple(field for field in accepted.data if field in machine.personal) if machine.personal else ()
    if head is None:
        return Head(
            version=version,
            revision=machine.revision,
            leaves=accepted.to,
            data=accepted.data,
            since=happened_at,
            since_version=version,
            happened_at=happened_at,
            created_at=happened_at,
            personal=personal,
            size=accepted.size,
            commands=f"\n{command}\n",
            history=record.history,
            timers=record.timers_started,
        )
    if happened_at < head.happened_at:
        happened_at = head.happened_at
    since, since_version = head.since, head.since_version
    if accepted.to != head.leaves:
        since, since_version = happened_at, version
    return Head(
        version=version,
        revision=machine.revision,
        leaves=accepted.to,
        data=accepted.data,
        since=since,
        since_version=since_version,
        happened_at=happened_at,
        created_at=head.created_at,
        partition=head.partition,
        personal=personal,
        key=head.key,
        size=accepted.size,
        commands=f"{head.commands}{command}\n" if version <= COMMANDS_KEPT else head.commands,
        history=record.history or head.history,
        timers=head.timers if machine.flat else timers_after(head.timers, record.timers_stopped, record.timers_started),
    )


def _seal(machine: Machine, record: Record) -> None:
    """Move personal values out of `payload` and `changes`, into `sealed`."""
    schema = machine.events.get(record.event or "")
    for part, personal in (("payload", schema.personal if schema else ()), ("changes", machine.personal)):
        plain, sealed = apart(getattr(record, part), personal)
        if sealed:
            setattr(record, part, plain)
            record.sealed = {**record.sealed, part: sealed}


def refusal_of(refusal: NotDone, command: str, now: Micros) -> Refusal:
    """What is kept of a refusal."""
    send, head = refusal.send, refusal.head
    large = send.size > _REFUSED_BYTES  # it waits in memory, where many of them would fill it
    return Refusal(
        at=now,
        type=send.ref.type,
        entity=send.ref.id,
        event=send.event,
        why=refusal.refused.why.value,
        detail=refusal.refused.detail,
        leaves=head.leaves if head is not None else (),
        version=head.version if head is not None else 0,
        revision=refusal.machine.revision if refusal.machine is not None else 0,
        command=command,
        actor=send.actor,
        occurred_at=send.occurred_at,
        payload={} if large else send.data,
        explanation=[body_of(part) for part in refusal.refused.explanation],
        cut=large,
    )
