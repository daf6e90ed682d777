"""The two calls that carry the load, sending one event and sending many, in front of the framework.

One plain ASGI callable takes `POST` on their two paths and passes everything else on. It extracts, delegates to the
committer and writes the answer; what both calls share with the others (names, principals, problems, strict reading)
are the same functions.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, MutableMapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

import msgspec
from msgspec import UNSET, Struct, UnsetType

from statewright.catalog.principals import NotBelieved, Principal, actor_of, principal_of
from statewright.commands import Answer, Committer, Done, Failed, NotDone, SendEvent, SendTogether, digest_of
from statewright.commands.names import fault_of_command_id, fault_of_entity_id
from statewright.http.bodies import BODY_BYTES, BODY_S
from statewright.http.problems import MEDIA_TYPE, Problem, ProblemFound, problem, problem_of, refuse
from statewright.http.reading import look_again, parse
from statewright.http.shapes import Recorded, state_of
from statewright.machine.decide import Why
from statewright.machine.moments import Micros, micros_of, text_of
from statewright.machine.names import nearest
from statewright.machine.record import Actor, merged
from statewright.stores.words import Ref

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

COMMANDS = "/api/v1/commands"
_ENTITIES, _TRANSITIONS = "/api/v1/entities/", "/transitions"
LINE_BYTES = 1_000_000
ARRAY_BYTES = 16_000_000
ARRAY_COMMANDS = 10_000
TOGETHER_AT_MOST = 1_000
GROUP_LINES = 500
_HEADERS = frozenset(
    {b"content-type", b"content-length", b"idempotency-key", b"if-match", b"if-none-match", b"prefer", b"authorization"}
)
_encode = msgspec.json.Encoder().encode


class ActorIn(Struct, forbid_unknown_fields=True, gc=False):
    """Who sent the event, as a caller says it."""

    id: str
    roles: tuple[str, ...] = ()


class EventIn(Struct, forbid_unknown_fields=True, gc=False):
    """The body of sending one event. `id` is the command's, for calls without an `Idempotency-Key`."""

    event: str
    data: dict[str, Any] | None = None
    id: str | UnsetType = UNSET
    expected_version: int | UnsetType = UNSET
    occurred_at: str | UnsetType = UNSET
    create: bool | dict[str, Any] | UnsetType = UNSET
    actor: ActorIn | UnsetType = UNSET
    correlation: str | UnsetType = UNSET
    causation: str | UnsetType = UNSET


class CommandIn(Struct, forbid_unknown_fields=True, gc=False):
    """A line of sending many: the body of a single call plus type and entity. An `event` of null creates."""

    type: str
    entity: str
    event: str | None
    data: dict[str, Any] | None = None
    id: str | UnsetType = UNSET
    expected_version: int | UnsetType = UNSET
    occurred_at: str | UnsetType = UNSET
    create: bool | dict[str, Any] | UnsetType = UNSET
    actor: ActorIn | UnsetType = UNSET
    correlation: str | UnsetType = UNSET
    causation: str | UnsetType = UNSET


_event_in = msgspec.json.Decoder(EventIn)
_command_in = msgspec.json.Decoder(CommandIn)
_commands_in = msgspec.json.Decoder(list[msgspec.Raw])
_OPTIONAL = ("id", "expected_version", "occurred_at", "create", "actor", "correlation", "causation")


class HotPath:
    """The ASGI application: the two calls here, everything else in `app`."""

    def __init__(self, app: App, committer: Committer) -> None:
        self.app = app
        self.committer = committer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            path: str = scope["path"]
            if path == COMMANDS:
                await self._guarded(self._many, scope, receive, send)
                return
            if path.startswith(_ENTITIES) and path.endswith(_TRANSITIONS):
                names = path[len(_ENTITIES) : -len(_TRANSITIONS)].split("/")
                if len(names) == 2:
                    scope["names"] = names
                    await self._guarded(self._one, scope, receive, send)
                    return
        await self.app(scope, receive, send)

    async def _guarded(
        self, call: Callable[[Scope, Receive, Send], Awaitable[None]], scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Run a call; whatever it raises becomes a problem document. A stream that has begun guards itself."""
        try:
            await call(scope, receive, send)
        except _Gone:
            return
        except ProblemFound as found:
            await _answer_problem(send, found.problem)
        except Exception as error:
            await _answer_problem(send, problem_of(error, f"POST {scope['path']}"))

    # --- one event

    async def _one(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        principal = principal_of(_text(headers.get(b"authorization")))
        _require_json(headers, b"application/json")
        ref = _ref_of_path(scope)
        dry_run = _flag(scope, "dry_run") if scope["query_string"] else False
        text = await _body(receive, headers, BODY_BYTES)
        sent = parse(text, _event_in)
        look_again(text, _members(sent))
        asked = _send_of(sent, ref, principal, len(text))
        asked.dry_run = dry_run
        _with_headers(asked, headers)
        if asked.command is not None:
            asked.digest = digest_of(asked)
        answer = (await self.committer.submit((asked,)))[0]
        if type(answer) is Done:
            await _answer_done(send, scope, answer)
        else:
            await _answer_problem(send, problem_of_answer(answer))

    # --- many events

    async def _many(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = _headers(scope)
        principal = principal_of(_text(headers.get(b"authorization")))
        together = _flag(scope, "atomic") if scope["query_string"] else False
        media = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
        minimal = b"return=minimal" in headers.get(b"prefer", b"")
        if b"idempotency-key" in headers and not together:
            detail = "Idempotency-Key names one command; give each line its own `id`."
            raise refuse("bad_parameter", detail, parameter="Idempotency-Key")
        if media == b"application/x-ndjson" and not together:
            await _Stream(self.committer, principal, minimal).run(receive, send)
            return
        _require_json(headers, b"application/json", b"application/json, application/x-ndjson")
        items = _items(await _body(receive, headers, ARRAY_BYTES))
        if together:
            await self._together(items, principal, headers, send)
        else:
            answers = await self._array(items, principal, minimal)
            await _answer(send, 200, b'{"items":[' + b",".join(answers) + b"]}")

    async def _array(self, items: Sequence[bytes], principal: Principal, minimal: bool) -> list[bytes]:
        if len(items) > ARRAY_COMMANDS:
            raise refuse("too_many", f"{len(items):,} commands; an array holds at most {ARRAY_COMMANDS:,}.")
        answers: list[bytes] = []
        for start in range(0, len(items), GROUP_LINES):
            lines = list(enumerate(items[start : start + GROUP_LINES], start + 1))
            answers += await _settled(self.committer, lines, principal, minimal)
        return answers

    async def _together(
        self, items: Sequence[bytes], principal: Principal, headers: dict[bytes, bytes], send: Send
    ) -> None:
        if not 1 <= len(items) <= TOGETHER_AT_MOST:
            raise refuse("too_many", f"{len(items):,} commands; all or nothing takes 1 to {TOGETHER_AT_MOST:,}.")
        command = _key(headers)
        if command is None:
            detail = "`atomic=true` needs one Idempotency-Key for the whole call."
            raise refuse("bad_parameter", detail, parameter="Idempotency-Key")
        sends = []
        for index, text in enumerate(items):
            try:
                asked = _send_of_line(text, principal)
                if asked.command is not None:
                    raise refuse("bad_parameter", "`id` names one command, and all of these are one.", parameter="id")
            except ProblemFound as found:
                raise ProblemFound(_with(found.problem, failed=index)) from None
            sends.append(asked)
        outcome = await self.committer.send_together(SendTogether(command, digest_of(*sends), sends))
        if isinstance(outcome, Failed):
            await _answer_problem(send, problem_of_answer(outcome))
        elif outcome.refusal is not None:
            await _answer_problem(send, _with(problem_of_answer(outcome.refusal), failed=outcome.failed))
        else:
            replayed = outcome.done[0].replayed
            body = _encode({"command": command, "items": [_recorded(done) for done in outcome.done]})
            more = [(b"idempotent-replay", b"true")] if replayed else []
            await _answer(send, 200 if replayed else 201, body, more)


class _Stream:
    """Many commands as NDJSON: read as they come, decided in groups, answered in the same order."""

    def __init__(self, committer: Committer, principal: Principal, minimal: bool) -> None:
        self.committer = committer
        self.principal = principal
        self.minimal = minimal
        self.line = 0
        self.rest = b""
        self.skipping = False
        self.started = False

    async def run(self, receive: Receive, send: Send) -> None:
        try:
            await self._run(receive, send)
        except _Gone:
            raise
        except Exception as error:
            if not self.started:
                raise
            # The status is out already, so the last line says what went wrong.
            found = problem_of(error, f"POST {COMMANDS}")
            await send({"type": "http.response.body", "body": _encode(found.body) + b"\n", "more_body": False})

    async def _run(self, receive: Receive, send: Send) -> None:
        more = True
        while more:
            message = await _next(receive)
            more = message.get("more_body", False)
            # Answers leave as soon as they are there, so a caller may wait for one before it sends the next line.
            await self._take(message.get("body", b""), send, last=not more)
        if not self.started:
            await self._start(send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _take(self, chunk: bytes, send: Send, *, last: bool) -> None:
        lines = (self.rest + chunk).split(b"\n") if self.rest else chunk.split(b"\n")
        self.rest = b"" if last else lines.pop()
        if last and lines[-1] == b"":
            lines.pop()
        numbered: list[tuple[int, bytes]] = []
        for text in lines:
            self.line += 1
            if self.skipping:
                self.skipping = False  # the end of a line that was answered when it became too long
            elif text.strip():
                numbered.append((self.line, text))
        for start in range(0, len(numbered), GROUP_LINES):
            await self._answer(send, numbered[start : start + GROUP_LINES])
        if len(self.rest) > LINE_BYTES or (self.skipping and self.rest):
            await self._give_up_on_line(send)

    async def _give_up_on_line(self, send: Send) -> None:
        self.rest = b""
        if not self.skipping:
            self.skipping = True
            await self._write(send, [_encode(_too_long(self.line + 1).body)])

    async def _answer(self, send: Send, lines: list[tuple[int, bytes]]) -> None:
        await self.committer.room_for(len(lines))
        await self._write(send, await _settled(self.committer, lines, self.principal, self.minimal))

    async def _write(self, send: Send, answers: Iterable[bytes]) -> None:
        if not self.started:
            await self._start(send)
        await send({"type": "http.response.body", "body": b"\n".join(answers) + b"\n", "more_body": True})

    async def _start(self, send: Send) -> None:
        self.started = True
        headers = [(b"content-type", b"application/x-ndjson")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})


async def _settled(
    committer: Committer, lines: Sequence[tuple[int, bytes]], principal: Principal, minimal: bool
) -> list[bytes]:
    """The answers to numbered lines, each as it goes over the wire, in their order."""
    answers: list[bytes | None] = []
    sends: list[SendEvent] = []
    for number, text in lines:
        try:
            sends.append(_send_of_line(text, principal))
            answers.append(None)
        except ProblemFound as found:
            answers.append(_encode(_with(found.problem, line=number).body))
    settled = iter(await committer.submit(sends)) if sends else iter(())
    write = _minimal_line if minimal else _line
    return [write(next(settled)) if answer is None else answer for answer in answers]


def _send_of_line(text: bytes, principal: Principal) -> SendEvent:
    if len(text) > LINE_BYTES:
        raise ProblemFound(_too_long(0))
    sent = parse(text, _command_in)
    look_again(text, _members(sent) + 2)
    fault = fault_of_entity_id(sent.entity)
    if fault is not None:
        raise refuse("bad_parameter", f"The entity's id {fault}.", parameter="entity")
    asked = _send_of(sent, Ref(sent.type, sent.entity), principal, len(text))
    if asked.command is not None:
        asked.digest = digest_of(asked)
    return asked


def _too_long(number: int) -> Problem:
    return problem("too_large", f"The line has more than {LINE_BYTES:,} bytes.", line=number)


def _with(found: Problem, **fields: Any) -> Problem:
    """The problem with more fields; for a line of many, `line` is the line of the call, not of the line's own text."""
    return Problem(found.status, {**found.body, **fields}, found.headers)


# --- from the body to what is asked -------------------------------------------------------------------------------


def _send_of(sent: EventIn | CommandIn, ref: Ref, principal: Principal, size: int) -> SendEvent:
    asked = SendEvent(ref, sent.event, sent.data or {}, size=size)
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


def _items(text: bytes) -> list[bytes]:
    """The members of a JSON array, each as its text."""
    return [bytes(item) for item in parse(text, _commands_in)]


def _ref_of_path(scope: Scope) -> Ref:
    if b"%" in scope["raw_path"]:
        try:
            unquote_to_bytes(scope["raw_path"]).decode()
        except UnicodeDecodeError:
            raise refuse("bad_parameter", "The path is not UTF-8 once its percent signs are decoded.") from None
    ref = Ref(*scope["names"])
    fault = fault_of_entity_id(ref.id)
    if fault is not None:
        raise refuse("bad_parameter", f"The entity's id {fault}.", parameter="id")
    return ref


def _headers(scope: Scope) -> dict[bytes, bytes]:
    return {name: value for name, value in scope["headers"] if name in _HEADERS}


def _text(header: bytes | None) -> str | None:
    return None if header is None else header.decode("latin-1")


def _require_json(headers: dict[bytes, bytes], wanted: bytes, said: bytes | None = None) -> None:
    media = headers.get(b"content-type", b"")
    if media == wanted or media.partition(b";")[0].strip().lower() == wanted:
        return
    takes = (said or wanted).decode()
    sent = f"{media[:100].decode('latin-1')!r} was sent" if media else "no Content-Type was sent"
    raise refuse("unsupported_media_type", f"This call takes {takes}; {sent}.", supported=takes.split(", "))


def _flag(scope: Scope, name: str) -> bool:
    """The one query parameter that a call has."""
    found = False
    for key, value in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True):
        if key != name:
            near = nearest(key, [name])
            detail = f"This call has no parameter {key[:100]!r}; it takes {name}."
            raise refuse("bad_parameter", detail, parameter=key[:100], nearest=near)
        if value not in ("true", "false"):
            raise refuse("bad_parameter", f"{name} is true or false.", parameter=name)
        found = value == "true"
    return found


def _key(headers: dict[bytes, bytes]) -> str | None:
    """The `Idempotency-Key`, quoted as the IETF draft writes it or bare."""
    written = headers.get(b"idempotency-key")
    if written is None:
        return None
    key = written.decode("latin-1").strip()
    if len(key) > 1 and key[0] == key[-1] == '"':
        key = key[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return _command_id(key, "Idempotency-Key")


def _with_headers(asked: SendEvent, headers: dict[bytes, bytes]) -> None:
    """What the headers say about a single call, which must agree with what its body says."""
    key = _key(headers)
    if key is not None:
        if asked.command is not None and asked.command != key:
            raise refuse("bad_parameter", "Idempotency-Key and `id` differ; send one of them.", parameter="id")
        asked.command = key
    if b"if-match" not in headers and b"if-none-match" not in headers:
        return
    expected = _expected(headers)
    if expected is None:
        asked.create = False  # `If-Match: *`: it must exist
        return
    if asked.expected is not None and asked.expected != expected:
        detail = "The precondition in the headers and `expected_version` differ; send one of them."
        raise refuse("bad_parameter", detail, parameter="expected_version")
    asked.expected = expected


def _expected(headers: dict[bytes, bytes]) -> int | None:
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


# --- bodies --------------------------------------------------------------------------------------------------------


class _Gone(Exception):
    """The caller went away before it had said what it wanted."""


async def _next(receive: Receive) -> MutableMapping[str, Any]:
    message = await receive()
    if message["type"] == "http.disconnect":
        raise _Gone
    return message


async def _body(receive: Receive, headers: dict[bytes, bytes], limit: int) -> bytes:
    """The whole body. Raises ProblemFound for one that is too large or does not come to its end."""
    length = headers.get(b"content-length", b"0")
    if length.isdigit() and int(length[:20]) > limit:
        raise _too_large(limit)
    message = await _next(receive)
    if not message.get("more_body", False):
        text: bytes = message.get("body", b"")
        if len(text) > limit:
            raise _too_large(limit)
        return text
    try:
        async with asyncio.timeout(BODY_S):
            return await _rest(message, receive, limit)
    except TimeoutError:
        raise refuse("too_slow", f"The body was not complete after {BODY_S:.0f} seconds.") from None


async def _rest(message: MutableMapping[str, Any], receive: Receive, limit: int) -> bytes:
    parts = [message.get("body", b"")]
    size = len(parts[0])
    while message.get("more_body", False):
        message = await _next(receive)
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            raise _too_large(limit)
    return b"".join(parts)


def _too_large(limit: int) -> ProblemFound:
    return refuse("too_large", f"The body has more than {limit:,} bytes.", limit=limit)


# --- answers -------------------------------------------------------------------------------------------------------

_last_moment: tuple[Micros, str] = (0, text_of(0))


def _moment(micros: Micros) -> str:
    """As text; a whole group has one stamp, so the last one is kept."""
    global _last_moment
    if _last_moment[0] != micros:
        _last_moment = (micros, text_of(micros))
    return _last_moment[1]


def _recorded(done: Done) -> Recorded:
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
        record.from_ or (),  # type: ignore[arg-type]  # a tuple is written as the list it is declared to be
        record.to,  # type: ignore[arg-type]
        merged(record, "changes"),
        _moment(record.recorded_at),
        record.revision,
        done.machine.allowed(record.to),  # type: ignore[arg-type]
        record.removed or UNSET,  # type: ignore[arg-type]
    )


def _line(answer: Answer) -> bytes:
    if type(answer) is Done:
        status = b"200" if answer.replayed else b"201"
        return b'{"status":' + status + b"," + _encode(_recorded(answer))[1:]
    return _encode(problem_of_answer(answer).body)


def _minimal_line(answer: Answer) -> bytes:
    if type(answer) is Done:
        record = answer.record
        status = 200 if answer.replayed else 201
        return b'{"status":%d,"version":%d,"position":%d}' % (status, record.version, record.position)
    return _encode(problem_of_answer(answer).body)


def problem_of_answer(answer: Answer) -> Problem:
    """The problem document of an event that was refused, or could not be decided."""
    if isinstance(answer, Failed):
        return problem(answer.code, answer.detail, command=answer.command)
    assert isinstance(answer, NotDone)
    refused, head, machine = answer.refused, answer.head, answer.machine
    code = refused.why.value
    explanation = None if refused.at is None else [{"at": refused.at}]
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


async def _answer_done(send: Send, scope: Scope, done: Done) -> None:
    body = _encode(_recorded(done))
    if done.dry_run:
        await _answer(send, 200, b'{"dry_run":true,' + body[1:])
        return
    version = b"%d" % done.record.version
    more = [(b"etag", b'"' + version + b'"'), (b"location", scope["raw_path"] + b"/" + version)]
    if done.replayed:
        more.append((b"idempotent-replay", b"true"))
    await _answer(send, 200 if done.replayed else 201, body, more)


async def _answer(
    send: Send, status: int, body: bytes, more: Iterable[tuple[bytes, bytes]] = (), media: bytes = b"application/json"
) -> None:
    headers = [(b"content-type", media), (b"content-length", b"%d" % len(body)), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _answer_problem(send: Send, found: Problem) -> None:
    more = [(name.encode(), value.encode()) for name, value in found.headers]
    await _answer(send, found.status, _encode(found.body), more, MEDIA_TYPE.encode())
