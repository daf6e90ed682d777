"""The one error table: every way a call can fail, with its status, its title, what it means and what to do about it.

Errors are RFC 9457 problem documents. A room below raises or returns in its own words; `problem_of` is the only place
where those words become HTTP. `GET /problems/{code}` serves the table itself.
"""

from __future__ import annotations

import logging
import re
import secrets
from functools import singledispatch
from typing import Any

import msgspec
from litestar.exceptions import HTTPException, ValidationException
from msgspec import Struct
from sqlalchemy.exc import InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as Busy

from statewright.catalog import (
    BadName,
    InvalidDefinition,
    NameTaken,
    NotReady,
    TooManyDefinitions,
    TooManyEntities,
    TooManyViews,
    UnknownBulkEvent,
    UnknownRevision,
    UnknownType,
    UnknownView,
    WrongStatus,
)
from statewright.catalog.principals import NotBelieved
from statewright.machine.faults import Fault
from statewright.stores.words import BadPlace, LogDamaged, StoreFailed, StoreUnavailable, StoreUncertain
from statewright.views import NotBuiltYet, NotThereYet

MEDIA_TYPE = "application/problem+json"
_log = logging.getLogger("statewright.http")


class Explanation(Struct, frozen=True):
    """One row of the table. `retry_after_s` is set where the same call may fare better after that many seconds."""

    status: int
    title: str
    meaning: str
    remedy: str
    retry_after_s: int | None = None


class Problem(Struct, frozen=True, gc=False):
    """An answer that is an error: its status, the problem document, and headers beyond the content type."""

    status: int
    body: dict[str, Any]
    headers: tuple[tuple[str, str], ...] = ()


class ProblemFound(Exception):
    """Raised inside a route to end it with this problem."""

    def __init__(self, found: Problem) -> None:
        super().__init__(found.body["detail"])
        self._found = found

    @property
    def problem(self) -> Problem:
        """What the call is answered with."""
        return self._found


TABLE: dict[str, Explanation] = {
    # 400
    "malformed": Explanation(
        400,
        "The body could not be read",
        "The body is not the JSON or XML that this call takes: broken syntax, a key given twice, text not in UTF-8, "
        "nesting deeper than 64, a number that cannot be held, or a field that is unknown, missing or of another type.",
        "Mend the body at `line` and `column` (counted from 1; columns in characters) and send it again.",
    ),
    "bad_parameter": Explanation(
        400,
        "A parameter is not valid",
        "A query parameter, header or part of the path is unknown, given twice, or has a value outside its range.",
        "`parameter` names it and `nearest`, where present, the one probably meant. Places (`after`, `place`, "
        "`min_place`, `Last-Event-ID`) must be handed back as they came.",
    ),
    # 401, 403
    "unauthenticated": Explanation(
        401,
        "The caller is not known",
        "The call carried no key, or one that is not valid.",
        "Send `Authorization: Bearer <key>` with a key that has not been revoked.",
    ),
    "forbidden": Explanation(
        403,
        "The caller has no grant for this",
        "The caller is known but was given no grant for this action on this type. Checked before everything else, so "
        "it says nothing about whether the thing exists. Speaking for another actor needs a trusted caller.",
        "Ask an administrator for the grant, or leave out `actor`.",
    ),
    "not_allowed": Explanation(
        403,
        "The actor's roles do not allow the event",
        "The definition allows this event in this state, but only to roles that the actor does not have.",
        "Have it sent by an actor with one of the roles that the explanation names.",
    ),
    # 404, 405, 406, 408
    "unknown_type": Explanation(
        404,
        "No such entity type",
        "No definition of this type is registered, or none of its revisions has been activated yet.",
        "Register and activate a definition with `POST /api/v1/definitions?activate=true`, or mend the spelling.",
    ),
    "unknown_entity": Explanation(
        404,
        "No such entity",
        "The log holds no transition of this entity, or none yet at the version, place or time asked about.",
        "Create it with `POST /api/v1/entities/{type}`, or mend the id.",
    ),
    "not_found": Explanation(
        404,
        "There is nothing here",
        "The path names nothing: no such route, revision, transition, command, view, consolidator or problem.",
        "`GET /api/v1/openapi.json` lists every path; `GET /api/docs` shows them to people.",
    ),
    "method_not_allowed": Explanation(
        405,
        "The path does not take this method",
        "The path exists, but not with this HTTP method.",
        "Use one of the methods in the `Allow` header.",
    ),
    "not_acceptable": Explanation(
        406,
        "None of the accepted media types is offered",
        "`Accept` names no media type that this call can answer with.",
        "Ask for one of `offered`, or leave `Accept` out.",
    ),
    "too_slow": Explanation(
        408,
        "The request took too long to arrive",
        "The headers or the body were not complete in time, and the server stopped waiting.",
        "Send the request again, without pauses inside it.",
    ),
    # 409, 410, 412
    "not_in_this_state": Explanation(
        409,
        "The event is not possible in this state",
        "The definition knows the event, but no branch for it in the entity's state or around it.",
        "`allowed` lists the events that have a branch now. Read the entity again: it may have moved.",
    ),
    "guard_refused": Explanation(
        409,
        "The guard refused the event",
        "Branches for the event exist, and the guard of each was false for this entity, event and actor.",
        "`explanation` says for every candidate which part was false and with which values.",
    ),
    "final": Explanation(
        409,
        "The entity's life is over",
        "The entity is in a final state, which no event leaves.",
        "Nothing more can happen to it; create another entity if life goes on.",
    ),
    "entity_exists": Explanation(
        409,
        "The entity exists already",
        "The id given for creation is taken by an entity that another command created.",
        "Choose another id, or send events to the one that exists. A repeat of the same creation needs the same "
        "`Idempotency-Key`.",
    ),
    "wrong_status": Explanation(
        409,
        "The revision's status does not permit this",
        "A revision goes from draft to active to retired. Only a draft can be deleted, only an active one retired.",
        "`GET /api/v1/definitions/{type}/revisions` shows the status of each.",
    ),
    "name_taken": Explanation(
        409,
        "The name is taken",
        "Another saved view has this name; capitals make no difference.",
        "Choose another name, or change the view whose number is in `view`.",
    ),
    "not_ready": Explanation(
        409,
        "The bulk event is not ready to be sent",
        "Its preview is not finished yet, or it was cancelled, or it failed; `bulk_status` says which.",
        "Read it until its status is `ready`, then send it. One that was cancelled is asked for anew.",
    ),
    "not_erasable": Explanation(
        409,
        "Personal data cannot be erased here",
        "Erasing destroys the keys that an entity's personal data is encrypted with. Either this entity has no "
        "personal data, or this server was started without a master key and encrypts none. Nothing was changed.",
        "Start the server with `--master-key-file` before you activate definitions with `personal` fields.",
    ),
    "erased": Explanation(
        410,
        "The personal data was erased",
        "What was asked for rested on personal data whose key has been destroyed.",
        "It cannot be had again; what is not personal can still be read.",
    ),
    "version_conflict": Explanation(
        412,
        "The entity is at another version",
        "The entity is not at the version expected: it moved in between, or exists already.",
        "Look at `version` and `state`, decide again, and send the event with the version you then expect.",
    ),
    # 413, 415
    "too_large": Explanation(
        413,
        "Something is too large",
        "A body or line is over 1 MB (16 MB for an array of commands), a definition over 512 KB, an event's payload "
        "over 128 KB, an entity's data over 256 KB, or a record over 512 KB.",
        "Send less, or split it: many commands go best as `application/x-ndjson`, which has no limit on lines.",
    ),
    "unsupported_media_type": Explanation(
        415,
        "The body's media type is not taken here",
        "The call takes `application/json`; `POST /api/v1/commands` takes `application/x-ndjson` too.",
        "Set `Content-Type` to one of `supported`.",
    ),
    # 422
    "unknown_event": Explanation(
        422,
        "The definition does not know the event",
        "No state of the entity's revision has anything for an event of this name.",
        "Mend the name; the definition or `GET …/allowed` lists the events there are.",
    ),
    "invalid_payload": Explanation(
        422,
        "The event does not carry what it must",
        "`data` does not satisfy the schema that the definition has for this event.",
        "`explanation` names each fault by its JSON pointer.",
    ),
    "invalid_data": Explanation(
        422,
        "The entity's data would not be valid",
        "After the event, or at creation, the data would break the definition's `schemas.context`; or a caller wrote a "
        "field that only the definition may write.",
        "`explanation` names each fault by its JSON pointer.",
    ),
    "invalid_definition": Explanation(
        422,
        "The definition has errors",
        "The document is not a definition, or it has errors that forbid activating it.",
        "`problems` lists all of them, with a JSON pointer, line and column, and often a fix.",
    ),
    "guard_error": Explanation(
        422,
        "A guard could not be evaluated",
        "An expression failed on this entity's data or this event, for example by reading a field that is absent.",
        "Send what the expression needs, or mend the expression; a failing guard is never read as false.",
    ),
    "unstable": Explanation(
        422,
        "The machine does not come to rest",
        "The event set off more than 100 microsteps; `explanation` names the cycle.",
        "Mend the definition: some `always` or raised event leads back to where it began.",
    ),
    "write_conflict": Explanation(
        422,
        "Two regions write the same field",
        "Two transitions of one microstep would write the same field, and order must not decide which of them wins.",
        "Mend the definition so that one region alone writes the field on this event.",
    ),
    "id_reused": Explanation(
        422,
        "The command id was used for something else",
        "A command with this id stands in the log, and asked for something different.",
        "Give every new command an id of its own; repeat an old one with exactly the same content.",
    ),
    "in_the_future": Explanation(
        422,
        "The time lies in the future",
        "`occurred_at` is more than five minutes ahead of the server's clock.",
        "Send the time at which it happened, in RFC 3339 with a zone, and check the sender's clock.",
    ),
    "spans_partitions": Explanation(
        422,
        "The command spans partitions",
        "A command over several entities is all or nothing within one partition, and these lie in several.",
        "Send one command per partition, or place the entities together by `partition_by`.",
    ),
    "too_many": Explanation(
        422,
        "Too many in one call",
        "An array holds at most 10,000 commands, an atomic one at most 1,000 transitions; a bulk event goes to at most "
        "100,000 entities, and 500 views are saved at most.",
        "Send several calls, or `application/x-ndjson`, which has no limit on lines; narrow the query of a bulk event.",
    ),
    "several_partitions": Explanation(
        422,
        "The entities are not kept together",
        "The log is spread over partitions, and what is all or nothing must be in one: `partition` in what a post "
        "answers says where an entity is.",
        "Send the events apart, or keep the log in one partition.",
    ),
    # 429, 431
    "too_many_requests": Explanation(
        429,
        "Too many requests",
        "The caller is over its rate.",
        "Wait as long as `Retry-After` says.",
        1,
    ),
    "headers_too_large": Explanation(
        431,
        "The headers are too large",
        "The request's headers are larger than the server reads.",
        "Send fewer or shorter headers.",
    ),
    # 5xx
    "internal": Explanation(
        500,
        "Something went wrong here",
        "The fault is the server's. It was written to the server's log under `id`.",
        "Give `id` to those who run the server. A posted command may or may not have been recorded: send it again "
        "with the same id and it will be answered truthfully.",
    ),
    "overloaded": Explanation(
        503,
        "The queue is full",
        "More commands are waiting than the server takes. Nothing of this one was done.",
        "Send it again, with the same id, after `Retry-After` seconds.",
        1,
    ),
    "store_unavailable": Explanation(
        503,
        "The log cannot be reached",
        "The log or a database beside it cannot be written or read just now. Nothing was recorded.",
        "Send it again, with the same id, after `Retry-After` seconds.",
        1,
    ),
    "outcome_unknown": Explanation(
        503,
        "It is not known whether this was recorded",
        "The log was lost from sight while the command was being written, and could not be asked since.",
        "Send it again with the id in `command`: it is then recorded once, whether or not it was before.",
        1,
    ),
    "not_there_yet": Explanation(
        504,
        "The view has not come that far yet",
        "The view did not reach `min_place` within `wait` seconds.",
        "Ask again after `Retry-After` seconds; `GET /api/v1/consolidators` shows how far each is and what stops it.",
        1,
    ),
}
"""Every code there is, in the order of statuses. What is not here cannot be answered."""

_BY_STATUS = {
    400: "malformed",
    401: "unauthenticated",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    408: "too_slow",
    413: "too_large",
    415: "unsupported_media_type",
    429: "too_many_requests",
    431: "headers_too_large",
    503: "store_unavailable",
}
"""What the framework's own errors, which know only a status, are called here."""


def problem(code: str, detail: str, **fields: Any) -> Problem:
    """The problem `code` with a sentence for this one case, and the fields that go with it (None is left out)."""
    row = TABLE[code]
    body: dict[str, Any] = {"type": f"/problems/{code}", "title": row.title, "status": row.status, "detail": detail}
    body.update((name, value) for name, value in fields.items() if value is not None)
    headers = () if row.retry_after_s is None else (("retry-after", str(row.retry_after_s)),)
    return Problem(row.status, body, headers)


def refuse(code: str, detail: str, **fields: Any) -> ProblemFound:
    """The same as something to raise."""
    return ProblemFound(problem(code, detail, **fields))


def encode(found: Problem) -> bytes:
    """The problem document as it goes over the wire."""
    return msgspec.json.encode(found.body)


def internal(error: BaseException, where: str) -> Problem:
    """The answer to what nobody foresaw: an id to ask about. The traceback goes to the log under it, never out."""
    case = secrets.token_hex(6)
    _log.error("%s failed, answered as %s", where, case, exc_info=error)
    return problem("internal", f"The server failed to answer this; its log says more under {case}.", id=case)


@singledispatch
def problem_of(error: BaseException, where: str = "a request") -> Problem:
    """The problem that an exception of any room amounts to; `where` is the call it ended, for the log."""
    return internal(error, where)


@problem_of.register
def _(error: ProblemFound, where: str = "") -> Problem:
    return error.problem


@problem_of.register
def _(error: HTTPException, where: str = "") -> Problem:
    """The framework's own: a route it does not have, a method, a body it would not read."""
    code = _BY_STATUS.get(error.status_code)
    if code is None:
        return internal(error, where)
    found = problem(code, _FRAMEWORK_DETAIL.get(code, error.detail or TABLE[code].meaning))
    allow = (error.headers or {}).get("Allow")
    return found if allow is None else Problem(found.status, found.body, (*found.headers, ("allow", allow)))


_FRAMEWORK_DETAIL = {
    "not_found": "No path of this server matches.",
    "method_not_allowed": "The path exists, but does not take this method.",
    "too_large": "The body is larger than this call takes.",
}


@problem_of.register
def _(error: ValidationException, where: str = "") -> Problem:
    """What the framework found wrong with typed parameters; the first of them is named."""
    faults = error.extra if isinstance(error.extra, list) else []
    for fault in faults:
        name, message = str(fault.get("key", "")), str(fault.get("message", ""))
        return problem("bad_parameter", f"{name}: {message[:1].lower()}{message[1:]}.", parameter=name)
    missing = _MISSING.match(error.detail)
    if missing:
        return problem("bad_parameter", f"This call needs {missing['name']}.", parameter=missing["name"])
    return problem("bad_parameter", "A parameter is missing or has a value it cannot have.")


_MISSING = re.compile(r"Missing required \w+ parameter '(?P<name>[^']+)'")


# --- What was sent, and the catalogue ---


@problem_of.register
def _(error: Fault, where: str = "") -> Problem:
    line, column = error.spot
    sentence = f"Line {line}, column {column}: {error.sentence}."
    return problem("malformed", sentence, line=line, column=column, pointer=error.pointer or None)


@problem_of.register
def _(error: InvalidDefinition, where: str = "") -> Problem:
    """Text that is no JSON is `malformed` like any other body; what is no definition, or has errors, says all of it."""
    first = error.problems[0]
    if first.code == "too_costly":
        return problem("too_large", f"{first.sentence[:1].upper()}{first.sentence[1:]}.", problems=error.problems)
    if first.code in ("malformed", "too_large"):
        place = "" if first.line is None else f"Line {first.line}, column {first.column}: "
        sentence = f"{place}{first.sentence}."
        return problem(first.code, sentence, line=first.line, column=first.column, problems=error.problems)
    return problem("invalid_definition", _sentence(error), problems=error.problems)


@problem_of.register
def _(error: UnknownType, where: str = "") -> Problem:
    return problem("unknown_type", _sentence(error))


@problem_of.register
def _(error: UnknownRevision, where: str = "") -> Problem:
    return problem("not_found", _sentence(error))


@problem_of.register
def _(error: WrongStatus, where: str = "") -> Problem:
    return problem("wrong_status", _sentence(error), revision=error.revision, revision_status=error.status)


@problem_of.register
def _(error: TooManyDefinitions, where: str = "") -> Problem:
    return problem("too_many", _sentence(error))


@problem_of.register
def _(error: TooManyViews | TooManyEntities, where: str = "") -> Problem:
    return problem("too_many", _sentence(error))


@problem_of.register
def _(error: UnknownView | UnknownBulkEvent, where: str = "") -> Problem:
    return problem("not_found", _sentence(error))


@problem_of.register
def _(error: NameTaken, where: str = "") -> Problem:
    return problem("name_taken", _sentence(error), view=error.view.id)


@problem_of.register
def _(error: BadName, where: str = "") -> Problem:
    return problem("bad_parameter", f"name: {error}.", parameter="name")


@problem_of.register
def _(error: NotReady, where: str = "") -> Problem:
    return problem("not_ready", _sentence(error), bulk_status=error.status)


@problem_of.register
def _(error: NotBelieved, where: str = "") -> Problem:
    return problem("forbidden", _sentence(error))


# --- The views ---


@problem_of.register
def _(error: NotBuiltYet, where: str = "") -> Problem:
    return problem("not_there_yet", _sentence(error), view=error.name)


@problem_of.register
def _(error: NotThereYet, where: str = "") -> Problem:
    return problem("not_there_yet", _sentence(error), view=error.name, place=error.place)


# --- The log and the databases ---


@problem_of.register
def _(error: BadPlace, where: str = "") -> Problem:
    return problem("bad_parameter", _sentence(error))


@problem_of.register
def _(error: StoreUnavailable, where: str = "") -> Problem:
    return problem("store_unavailable", _sentence(error))


@problem_of.register
def _(error: StoreUncertain, where: str = "") -> Problem:
    return problem("outcome_unknown", _sentence(error))


@problem_of.register(OperationalError)
@problem_of.register(InternalError)
@problem_of.register(Busy)
def _(error: Exception, where: str = "") -> Problem:
    _log.error("%s: a database cannot be used: %s", where, error)
    return problem("store_unavailable", "A database beside the log cannot be used just now; nothing was changed.")


@problem_of.register
def _(error: LogDamaged, where: str = "") -> Problem:
    """What cannot be trusted is not shown: outside it is said where it stands, in the log of the server also why."""
    _log.critical("%s: %s", where, error, exc_info=error)
    at = f"What is stored at position {error.position}" if error.position else "A part of what is stored"
    detail = f"{at} is not what was written, so it is not shown; `statewright verify` tells all that is damaged."
    more = {"position": error.position} if error.position else {}
    return problem("store_unavailable", detail, **more)


@problem_of.register
def _(error: StoreFailed, where: str = "") -> Problem:
    """The log itself is at fault: said in the log of the server in full, and outside only that it cannot be used."""
    _log.critical("%s: %s", where, error, exc_info=error)
    return problem("store_unavailable", "The log cannot be used; those who run the server find the reason in its log.")


def _sentence(error: Exception) -> str:
    """What an exception says, written as a sentence."""
    said = str(error) or "It cannot be done just now"
    return said[:1].upper() + said[1:].removesuffix(".") + "."
