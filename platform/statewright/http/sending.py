"""From a request to what is asked: the bodies of sending events, their headers, and every rule about them.

What is refused here is refused before anything is decided, and names the field.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from statewright.catalog.principals import NotBelieved, Principal, actor_of
from statewright.commands import SendEvent, digest_of
from statewright.commands.names import fault_of_command_id, fault_of_entity_id
from statewright.http.problems import Problem, ProblemFound, problem, refuse
from statewright.http.reading import is_beyond_doubt, look_again, parse
from statewright.machine.moments import Micros, micros_of
from statewright.machine.record import Actor
from statewright.stores.words import Ref

LINE_BYTES = 1_000_000
LONGER = 4
"""How many times longer a body can become when it is written again: `1e15,` becomes `1000000000000000.0,`."""
Headers = dict[bytes, bytes]
"""The headers that matter, by name in lower case."""


class ActorIn(Struct, forbid_unknown_fields=True, gc=False):
    """Who sent the event, as a caller says it."""

    id: str
    roles: tuple[str, ...] = ()


class _Sent(Struct, forbid_unknown_fields=True, gc=False, kw_only=True):
    data: dict[str, Any] | None = None
    id: str | UnsetType = UNSET
    expected_version: int | UnsetType = UNSET
    occurred_at: str | UnsetType = UNSET
    create: bool | dict[str, Any] | UnsetType = UNSET
    actor: ActorIn | UnsetType = UNSET
    correlation: str | UnsetType = UNSET
    causation: str | UnsetType = UNSET


class EventIn(_Sent, forbid_unknown_fields=True, gc=False, kw_only=True):
    """The body of sending one event. `id` is the command's, for calls without an `Idempotency-Key`."""

    event: str


class CommandIn(_Sent, forbid_unknown_fields=True, gc=False, kw_only=True):
    """A line of sending many: the body of a single call plus type and entity. An `event` of null creates."""

    type: str
    entity: str
    event: str | None


_event_in = msgspec.json.Decoder(EventIn)
_command_in = msgspec.json.Decoder(CommandIn)


def send_of_call(text: bytes, ref: Ref, principal: Principal, headers: Headers) -> SendEvent:
    """What a call that sends one event asks for, by its body and headers. Raises ProblemFound."""
    sent = parse(text, _event_in)
    look_again(text, _members(sent))
    asked = send_of(sent, ref, principal, len(text))
    _with_headers(asked, headers)
    if asked.command is not None:
        asked.digest = digest_of(asked)
    return asked


def sends_of_lines(lines: Sequence[bytes], principal: Principal) -> list[SendEvent | ProblemFound]:
    """What each of many lines asks for, or what is wrong with it.

    They are read together, which costs half, and one by one only where something is wrong with one of them.
    """
    read = _read_together(lines)
    if read is None:
        return [_send_or_problem(text, principal) for text in lines]
    sends: list[SendEvent | ProblemFound] = []
    for text, sent in zip(lines, read, strict=True):
        try:
            sends.append(_send_of_command(sent, principal, len(text)))
        except ProblemFound as found:
            sends.append(found)
    return sends


def _read_together(lines: Sequence[bytes]) -> list[CommandIn] | None:
    """The lines' bodies; None when one of them may not be as it should."""
    text = b"\n".join(lines)
    if not _are_values(text, len(lines)):
        text = b"\n".join(map(bytes.strip, lines))
        if not _are_values(text, len(lines)):
            return None
    try:
        read = _command_in.decode_lines(text)
        if len(read) != len(lines):
            return None
        members = [_members(sent) + 2 for sent in read]
        if not is_beyond_doubt(text, sum(members)):
            for line, count in zip(lines, members, strict=True):
                look_again(line, count)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ProblemFound):
        return None
    return read


def _are_values(text: bytes, lines: int) -> bool:
    """Whether so many lines hold a value each.

    Between `}` and `{` no value can go on, so lines that all begin and end like this hold one value each, or more than
    one, and then there are too many.
    """
    return (
        len(text) <= LINE_BYTES
        and text[:1] == b"{"
        and text[-1:] == b"}"
        and text.count(b"}\n{") == text.count(b"\n") == lines - 1
    )


def _send_or_problem(text: bytes, principal: Principal) -> SendEvent | ProblemFound:
    try:
        return send_of_line(text, principal)
    except ProblemFound as found:
        return found


def send_of_line(text: bytes, principal: Principal) -> SendEvent:
    """What one line of many asks for. Raises ProblemFound."""
    if len(text) > LINE_BYTES:
        raise ProblemFound(too_long(0))
    sent = parse(text, _command_in)
    look_again(text, _members(sent) + 2)
    return _send_of_command(sent, principal, len(text))


def _send_of_command(sent: CommandIn, principal: Principal, size: int) -> SendEvent:
    fault = fault_of_entity_id(sent.entity)
    if fault is not None:
        raise refuse("bad_parameter", f"The entity's id {fault}.", parameter="entity")
    asked = send_of(sent, Ref(sent.type, sent.entity), principal, size)
    if asked.command is not None:
        asked.digest = digest_of(asked)
    return asked


def too_long(number: int) -> Problem:
    """The problem of a line that is larger than it may be."""
    return problem("too_large", f"The line has more than {LINE_BYTES:,} bytes.", line=number)


def send_of(sent: EventIn | CommandIn, ref: Ref, principal: Principal, size: int) -> SendEvent:
    """What a body asks for; `size` is its length in bytes. Raises ProblemFound."""
    asked = SendEvent(ref, sent.event, sent.data or {}, size=LONGER * size)
    asked.actor = principal.actor
    if sent.id is not UNSET:
        asked.command = _command_id(sent.id, "id")
    if sent.expected_version is not UNSET:
        if sent.expected_version < 0:
            raise refuse("bad_parameter", "`expected_version` counts from 0.", parameter="expected_version")
        asked.expected = sent.expected_version
    if sent.occurred_at is not UNSET:
        asked.occurred_at = _occurred_at(sent.occurred_at)
    if sent.create is not UNSET:
        if sent.event is None and sent.create is not True:
            detail = "`create` stands beside an event; an `event` of null creates with `data`."
            raise refuse("bad_parameter", detail, parameter="create")
        asked.create = sent.create
    if sent.actor is not UNSET:
        asked.actor = _believed(principal, sent.actor)
    if sent.correlation is not UNSET:
        asked.correlation = _short(sent.correlation, "correlation")
    if sent.causation is not UNSET:
        asked.causation = _short(sent.causation, "causation")
    if sent.event is not None and len(sent.event) > 100:
        raise refuse("unknown_event", f"An event's name has at most 100 characters, this has {len(sent.event):,}.")
    return asked


def _members(sent: EventIn | CommandIn) -> int:
    """How many colons of the body are accounted for by single keys and by the times in it."""
    members = 1 + (sent.data is not None and 1 + len(sent.data))
    if sent.id is not UNSET:
        members += 1 + sent.id.count(":")
    if sent.expected_version is not UNSET:
        members += 1
    if sent.occurred_at is not UNSET:
        members += 1 + sent.occurred_at.count(":")
    if sent.actor is not UNSET:
        members += 2 + bool(sent.actor.roles)
    if sent.correlation is not UNSET:
        members += 1
    if sent.causation is not UNSET:
        members += 1
    return members


def _occurred_at(text: str) -> Micros:
    try:
        return micros_of(text)
    except ValueError as error:
        raise refuse("malformed", f"`occurred_at`: {error}.", pointer="/occurred_at") from None


def _believed(principal: Principal, named: ActorIn) -> Actor:
    if not 1 <= len(named.id) <= 200 or len(named.roles) > 100 or any(len(role) > 100 for role in named.roles):
        detail = "an actor has an id of 1 to 200 characters and at most 100 roles of 100"
        raise refuse("malformed", f"`actor`: {detail}.", pointer="/actor")
    try:
        return actor_of(principal, Actor(named.id, named.roles))
    except NotBelieved as error:
        raise refuse("forbidden", f"{error}.") from None


def _short(text: str, name: str) -> str:
    if len(text) > 200:
        raise refuse("malformed", f"`{name}` has at most 200 characters, this has {len(text):,}.", pointer=f"/{name}")
    return text


def _command_id(id: str, parameter: str) -> str:
    fault = fault_of_command_id(id)
    if fault is not None:
        raise refuse("bad_parameter", f"The command's id {fault}.", parameter=parameter)
    return id


def key_of(headers: Headers) -> str | None:
    """The `Idempotency-Key`, quoted as the IETF draft writes it or bare."""
    written = headers.get(b"idempotency-key")
    if written is None:
        return None
    key = written.decode("latin-1").strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return _command_id(key, "Idempotency-Key")


def _with_headers(asked: SendEvent, headers: Headers) -> None:
    """What the headers say about a single call, which must agree with what its body says."""
    key = key_of(headers)
    if key is not None:
        if asked.command is not None and asked.command != key:
            raise refuse("bad_parameter", "Idempotency-Key and `id` differ; send one of them.", parameter="id")
        asked.command = key
    if b"if-match" not in headers and b"if-none-match" not in headers:
        return
    expected = _expected(headers)
    differs = asked.expected == 0 if expected is None else asked.expected not in (None, expected)
    if differs:
        detail = "The precondition in the headers and `expected_version` differ; send one of them."
        raise refuse("bad_parameter", detail, parameter="expected_version")
    if expected is None:
        asked.create = False  # `If-Match: *`: it must exist
    else:
        asked.expected = expected


def _expected(headers: Headers) -> int | None:
    if_match, if_none_match = headers.get(b"if-match"), headers.get(b"if-none-match")
    if if_none_match is not None:
        if if_match is not None or if_none_match.strip() != b"*":
            detail = "If-None-Match is `*` here (it must not exist yet), and stands without If-Match."
            raise refuse("bad_parameter", detail, parameter="If-None-Match")
        return 0
    tag = (if_match or b"").strip()
    if tag == b"*":
        return None
    digits = tag[1:-1] if len(tag) > 2 and tag[:1] == tag[-1:] == b'"' else b""
    if not digits.isdigit() or len(digits) > 15:
        raise refuse("bad_parameter", 'If-Match is one version in quotes, as in "7", or *.', parameter="If-Match")
    return int(digits)
