"""Made-up lives recorded at the times at which they would have happened: by the committer, with a clock that is set.

Sent to a server, an event is recorded now, and its timers begin now. A demo wants a past: what was due in it has fired,
and what runs is due soon, or in weeks. So every happening is decided and recorded on its own, in order of time.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec import UNSET

from statewright.cli.lines import Line
from statewright.cli.replaying import Summary, Verdict
from statewright.cli.simulation import Happening
from statewright.commands import Answer, Committer, Done, NotDone, SendEvent, digest_of, firing_of
from statewright.machine.moments import Micros, micros_of
from statewright.machine.record import ANONYMOUS
from statewright.stores.words import Ref


class SetClock:
    """A clock that shows what it was set to, in microseconds since 1970."""

    def __init__(self, now: Micros) -> None:
        self.now = now

    def __call__(self) -> Micros:
        """The time it shows."""
        return self.now


async def record(committer: Committer, clock: SetClock, lives: Iterable[tuple[str, Happening]]) -> Summary:
    """Record what happens to entities of each type, in order of time; what became of it."""
    summary = Summary()
    for number, (type, happening) in enumerate(lives, 1):
        clock.now = happening.moment
        ref = Ref(type, happening.entity)
        send = firing_of(ref, happening.timer) if happening.timer is not None else None
        if happening.line is not None:
            send = _send_of(ref, happening.line, happening.late)
        if send is not None:
            summary.add(_verdict(number, await committer.send(send)))
    return summary


def _send_of(ref: Ref, line: Line, late: bool) -> SendEvent:
    send = SendEvent(
        ref,
        line.event,
        line.data if isinstance(line.data, dict) else {},
        command=line.id if isinstance(line.id, str) else None,
        create=True if line.create is UNSET else line.create,
        actor=ANONYMOUS if line.actor is UNSET else line.actor,
        occurred_at=micros_of(line.occurred_at) if late and isinstance(line.occurred_at, str) else None,
    )
    send.digest = digest_of(send)
    return send


def _verdict(number: int, answer: Answer) -> Verdict:
    if isinstance(answer, Done):
        return Verdict(number, True, answer.replayed, "", "")
    if isinstance(answer, NotDone):
        return Verdict(number, False, False, answer.refused.why.value, answer.refused.detail)
    return Verdict(number, False, False, answer.code, answer.detail)
