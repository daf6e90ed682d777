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

from statewright.catalog.principals import Principal, principal_of
from statewright.commands import Committer, Done, Failed, SendTogether, digest_of
from statewright.commands.names import fault_of_entity_id
from statewright.http.answering import encode, extended, problem_of_answer, recorded
from statewright.http.bodies import BODY_BYTES, BODY_S
from statewright.http.hosts import Hosts
from statewright.http.problems import MEDIA_TYPE, Problem, ProblemFound, problem, problem_of, refuse
from statewright.http.reading import explained, parse
from statewright.http.sending import key_of, send_of_call, send_of_line
from statewright.http.stream import COMMANDS, GROUP_LINES, App, Gone, Group, Receive, Scope, Send, Stream, next_message
from statewright.machine.names import nearest
from statewright.stores.words import Ref

_ENTITIES, _TRANSITIONS = "/api/v1/entities/", "/transitions"
ARRAY_BYTES = 16_000_000
ARRAY_COMMANDS = 10_000
TOGETHER_AT_MOST = 1_000
_HEADERS = frozenset(
    {b"content-type", b"content-length", b"idempotency-key", b"if-match", b"if-none-match", b"prefer", b"authorization"}
)
_commands_in = msgspec.json.Decoder(list[msgspec.Raw])


class HotPath:
    """The ASGI application: the two calls here, everything else in `app`."""

    def __init__(self, app: App, committer: Committer, hosts: Hosts | None = None) -> None:
        """`hosts` are the names that a request may be addressed to; None for any."""
        self.app = app
        self.committer = committer
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.hosts is not None and scope["type"] == "http" and not self.hosts.knows(scope):
            detail = "This server answers to the names of this machine alone; `--allow-host` names others."
            await _answer_problem(send, problem("forbidden", detail))
            return
        if scope["type"] == "http" and scope["method"] == "POST":
            path: str = scope["path"]
            if path == COMMANDS:
                await self._guarded(self._many, scope, receive, send)
                return
            if path.endswith(_TRANSITIONS) and path.startswith(_ENTITIES):
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
        except Gone:
            return
        except ProblemFound as found:
            await _answer_problem(send, await explained(found))
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
        asked = send_of_call(text, ref, principal, headers)
        asked.dry_run = dry_run
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
            await Stream(self.committer, principal, minimal).run(receive, send)
            return
        takes = b"application/json" if together else b"application/json, application/x-ndjson"
        _require_json(headers, b"application/json", takes)
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
            answers += await Group(self.committer, lines, principal, minimal).answers()
        return answers

    async def _together(
        self, items: Sequence[bytes], principal: Principal, headers: dict[bytes, bytes], send: Send
    ) -> None:
        if not 1 <= len(items) <= TOGETHER_AT_MOST:
            raise refuse("too_many", f"{len(items):,} commands; all or nothing takes 1 to {TOGETHER_AT_MOST:,}.")
        command = key_of(headers)
        if command is None:
            detail = "`atomic=true` needs one Idempotency-Key for the whole call."
            raise refuse("bad_parameter", detail, parameter="Idempotency-Key")
        sends = []
        for index, text in enumerate(items):
            try:
                asked = send_of_line(text, principal)
                if asked.command is not None:
                    raise refuse("bad_parameter", "`id` names one command, and all of these are one.", parameter="id")
            except ProblemFound as found:
                raise ProblemFound(extended(await explained(found), failed=index)) from None
            sends.append(asked)
        if len({self.committer.partition_of(asked.ref) for asked in sends}) > 1:
            raise refuse("several_partitions", "These entities are kept in different partitions of the log.")
        outcome = await self.committer.send_together(SendTogether(command, digest_of(*sends), sends))
        if isinstance(outcome, Failed):
            await _answer_problem(send, problem_of_answer(outcome))
        elif outcome.refusal is not None:
            await _answer_problem(send, extended(problem_of_answer(outcome.refusal), failed=outcome.failed))
        else:
            replayed = outcome.done[0].replayed
            body = encode({"command": command, "items": [recorded(done) for done in outcome.done]})
            more = [(b"idempotent-replay", b"true")] if replayed else []
            await _answer(send, 200 if replayed else 201, body, more)


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
    """The headers that matter here. Raises ProblemFound for one that stands there twice: which of them is meant?"""
    found: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in _HEADERS:
            if name in found:
                raise refuse("bad_parameter", f"The header {name.decode()} is there twice.", parameter=name.decode())
            found[name] = value
    return found


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


# --- bodies --------------------------------------------------------------------------------------------------------


async def _body(receive: Receive, headers: dict[bytes, bytes], limit: int) -> bytes:
    """The whole body. Raises ProblemFound for one that is too large or does not come to its end."""
    length = headers.get(b"content-length", b"0")
    if length.isdigit() and int(length[:20]) > limit:
        raise _too_large(limit)
    message = await next_message(receive)
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
        message = await next_message(receive)
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > limit:
            raise _too_large(limit)
    return b"".join(parts)


def _too_large(limit: int) -> ProblemFound:
    return refuse("too_large", f"The body has more than {limit:,} bytes.", limit=limit)


# --- answers -------------------------------------------------------------------------------------------------------


async def _answer_done(send: Send, scope: Scope, done: Done) -> None:
    body = encode(recorded(done))
    if done.dry_run:
        await _answer(send, 200, b'{"dry_run":true,' + body[1:])
        return
    version = b"%d" % done.record.version
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"etag", b'"%b"' % version),
        (b"location", b"%b/%b" % (scope["raw_path"], version)),
    ]
    if done.replayed:
        headers.append((b"idempotent-replay", b"true"))
    await send({"type": "http.response.start", "status": 200 if done.replayed else 201, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _answer(
    send: Send, status: int, body: bytes, more: Iterable[tuple[bytes, bytes]] = (), media: bytes = b"application/json"
) -> None:
    headers = [(b"content-type", media), (b"content-length", b"%d" % len(body)), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _answer_problem(send: Send, found: Problem) -> None:
    more = [(name.encode(), value.encode()) for name, value in found.headers]
    await _answer(send, found.status, encode(found.body), more, MEDIA_TYPE.encode())
