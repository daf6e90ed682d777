"""From an answer of the committer to what goes over the wire: bodies, lines and problem documents."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from statewright.commands import Answer, Done, Failed, NotDone
from statewright.http.problems import Problem, problem
from statewright.http.shapes import Recorded, state_of
from statewright.machine.decide import Why
from statewright.machine.explaining import body_of
from statewright.machine.moments import Micros, text_of
from statewright.machine.record import merged

encode = msgspec.json.Encoder().encode
_last_moment: tuple[Micros, str] = (0, text_of(0))


def _moment(micros: Micros) -> str:
    """As text; a whole group has one stamp, so the last one is kept."""
    global _last_moment
    if _last_moment[0] != micros:
        _last_moment = (micros, text_of(micros))
    return _last_moment[1]


def recorded(done: Done) -> Recorded:
    """What a command recorded, as the API shows it."""
    record = done.record
    return Recorded(
        record.type,
        record.entity,
        record.version,
        record.partition,
        record.position,
        record.command,
        record.event,
        state_of(record.from_),
        state_of(record.to),
        record.from_ or (),
        record.to,
        merged(record, "changes") if record.sealed else record.changes,
        _moment(record.recorded_at),
        record.revision,
        done.machine.allowed(record.to),
        record.removed or UNSET,
    )


def line(answer: Answer) -> bytes:
    """The answer to one of many, with the status that a single call would have had."""
    if type(answer) is Done:
        # The status goes in front of the body's fields: a struct with both, or all lines written at once, take longer.
        return (_REPEATED if answer.replayed else _RECORDED) + encode(recorded(answer))[1:]
    return encode(problem_of_answer(answer).body)


def minimal_line(answer: Answer) -> bytes:
    """The same for callers that want no more than status, version and position."""
    if type(answer) is Done:
        record = answer.record
        status = _REPEATED if answer.replayed else _RECORDED
        return b'%b"version":%d,"position":%d}' % (status, record.version, record.position)
    return encode(problem_of_answer(answer).body)


_RECORDED, _REPEATED = b'{"status":201,', b'{"status":200,'


def problem_of_answer(answer: Answer) -> Problem:
    """The problem document of an event that was refused, or could not be decided."""
    if isinstance(answer, Failed):
        return problem(answer.code, answer.detail, command=answer.command)
    assert isinstance(answer, NotDone)
    refused, head, machine = answer.refused, answer.head, answer.machine
    code = refused.why.value
    parts = [body_of(one) for one in refused.explanation]
    explanation = parts or [{"at": at, "detail": said} for at, said in refused.at] or None
    if head is None:
        return problem(code, refused.detail, why=code, event=answer.send.event, explanation=explanation)
    return problem(
        code,
        refused.detail,
        why=code,
        event=answer.send.event,
        state=state_of(head.leaves),
        version=head.version,
        explanation=explanation,
        allowed=None if machine is None or refused.why is Why.FINAL else machine.allowed(head.leaves),
    )


def extended(found: Problem, **fields: Any) -> Problem:
    """The problem with more fields; for a line of many, `line` is the line of the call, not of the line's own text."""
    return Problem(found.status, {**found.body, **fields}, found.headers)
