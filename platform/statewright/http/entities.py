"""One entity over HTTP: as it is, as it was, how it came there and what may happen next. Read from the log: current."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import unquote_to_bytes

import msgspec
from litestar import Request, Response, get, post
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Struct

from statewright.catalog.principals import Principal
from statewright.commands import AllowedEvent, Done, NothingToErase
from statewright.http.answering import problem_of_answer, recorded
from statewright.http.calls import JSON, Answer, says
from statewright.http.media import CSV, Format, csv_of, table_or_document
from statewright.http.parameters import (
    AfterVersion,
    AtMoment,
    AtPlace,
    CommandId,
    EntityId,
    Limit,
    OnBasis,
    Since,
    TypeName,
    VersionNumber,
)
from statewright.http.problems import ProblemFound, refuse
from statewright.http.rooms import Rooms
from statewright.http.shapes import (
    Entity,
    Page,
    Recorded,
    State,
    Transition,
    entity_of,
    etag_of,
    matches,
    state_of,
    transition_of,
    weight_of,
)
from statewright.http.strictness import LIMIT_DEFAULT, cut, moment, principal_behind
from statewright.machine.explaining import body_of
from statewright.machine.faults import EXACT
from statewright.machine.moments import text_of
from statewright.machine.record import Head, Record, merged
from statewright.stores.sealing import KeysUnavailable
from statewright.stores.words import Ref, StoreUnavailable

_UNKNOWN = ("unknown_type", "unknown_entity")
_STEP = 500
ANSWER_BYTES = 16_000_000
"""About how large a history grows before it ends early, however many transitions were asked for."""

AtVersion = Annotated[int | None, QueryParameter(ge=1, le=EXACT, description="As it was at this version.")]


class AllowedShape(Struct):
    """One event, and whether it may happen now. `depends`: on what it carries, or on who sends it."""

    event: str
    allowed: str
    why: str | None
    explanation: list[dict[str, Any]]
    schema: dict[str, Any] | None


class Allowed(Struct):
    """What may happen to an entity in the state it is in: first what that state takes, then the other events."""

    state: State
    version: int
    events: list[AllowedShape]


class CommandShape(Struct):
    """What a command did: the transitions it made, oldest first."""

    command: str
    items: list[Transition]


@get(
    "/entities/{type:str}/{id:str}",
    opt=says(
        {200: Answer("The entity.", Entity, headers=("ETag",)), 304: Answer("The caller's copy is current.")},
        *_UNKNOWN,
    ),
)
async def read_entity(
    rooms: NamedDependency[Rooms],
    type: TypeName,
    id: EntityId,
    version: AtVersion = None,
    place: AtPlace = None,
    at: AtMoment = None,
    basis: OnBasis = "recorded",
    if_none_match: Since = None,
) -> Response[Entity | None]:
    """An entity's state, data and version: now, or as it was at a version, a place or a moment."""
    ref = Ref(type, id)
    # before the head is read, so that the head shows the log at least up to there
    shown = await rooms.store.latest_place()
    then = (version, place, at) != (None, None, None)
    head = await _head_as_of(rooms, ref, version, place, at, basis) if then else await rooms.asking.head(ref)
    if head is None:
        raise await unknown(rooms, ref, then=then)
    if place is not None and rooms.store.compare_places(place, shown) < 0:
        shown = place
    tag = {"ETag": etag_of(head.version)}
    if matches(if_none_match, head.version):
        return Response(None, status_code=304, headers=tag)
    final = rooms.asking.machine_of(ref, head).is_final(head.leaves)
    return Response(entity_of(ref, head, shown, final), headers=tag)


@get(
    "/entities/{type:str}/{id:str}/transitions",
    opt=says(Answer("The transitions, oldest first.", Page[Transition], (JSON, CSV)), *_UNKNOWN, "not_acceptable"),
)
async def read_history(
    request: Request[Any, Any, Any],
    rooms: NamedDependency[Rooms],
    type: TypeName,
    id: EntityId,
    after: AfterVersion = 0,
    limit: Limit = LIMIT_DEFAULT,
    format: Format = None,
) -> Response[Any]:
    """An entity's history. `next` is the last version shown, and null at the end of what there is.

    As CSV a transition is a row, its data as JSON in cells; where there is more, `Link` leads to it.
    """
    media = table_or_document(request, format)
    ref = Ref(type, id)
    records, more = await _part_of_history(rooms, ref, after, cut(limit))
    if not records and await rooms.asking.head(ref) is None:
        raise await unknown(rooms, ref)
    headers = {"Vary": "Accept"}
    if media == JSON:
        return Response(
            Page([transition_of(each) for each in records], str(records[-1].version) if more else None), headers=headers
        )
    if more:
        headers["Link"] = f'<?format=csv&limit={limit}&after={records[-1].version}>; rel="next"'
    headers["Content-Disposition"] = f'attachment; filename="{type}-history.csv"'
    return Response(_table(records).encode(), media_type=CSV, headers=headers)


def _table(records: Sequence[Record]) -> str:
    return csv_of(
        (
            "version",
            "event",
            "kind",
            "from",
            "to",
            "recorded_at",
            "occurred_at",
            "actor",
            "roles",
            "changes",
            "removed",
            "payload",
            "revision",
            "command",
            "position",
        ),
        (
            (
                record.version,
                record.event,
                record.kind,
                ", ".join(record.from_ or ()),
                ", ".join(record.to),
                text_of(record.recorded_at),
                None if record.occurred_at is None else text_of(record.occurred_at),
                record.actor.id,
                ", ".join(record.actor.roles),
                _json(merged(record, "changes")),
                ", ".join(record.removed),
                _json(merged(record, "payload")),
                record.revision,
                record.command,
                record.position,
            )
            for record in records
        ),
    )


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


@get(
    "/entities/{type:str}/{id:str}/transitions/{version:int}",
    opt=says(Answer("The transition.", Transition), *_UNKNOWN, "not_found"),
)
async def read_transition(
    rooms: NamedDependency[Rooms], type: TypeName, id: EntityId, version: VersionNumber
) -> Transition:
    """The transition that made a version: what `Location` names."""
    ref = Ref(type, id)
    record = await rooms.asking.transition(ref, version)
    if record is None:
        raise await _missing(rooms, ref, f"{type}/{id} has no version {version}.")
    return transition_of(record)


@get(
    "/entities/{type:str}/{id:str}/allowed",
    opt=says(Answer("The events.", Allowed), *_UNKNOWN),
)
async def read_allowed(
    request: Request[Any, Any, Any], rooms: NamedDependency[Rooms], type: TypeName, id: EntityId
) -> Allowed:
    """What may happen to the entity now: per event `yes`, `no` with the reason, or `depends`."""
    ref = Ref(type, id)
    head = await rooms.asking.head(ref)
    if head is None:
        raise await unknown(rooms, ref)
    principal: Principal = principal_behind(request)
    # who may speak for anyone is told what depends on the role
    events = await rooms.asking.allowed(ref, head, None if principal.trusted else principal.actor)
    return Allowed(state_of(head.leaves), head.version, [_allowed(event) for event in events])


@get(
    "/entities/{type:str}/{id:str}/commands/{command:path}",
    opt=says(Answer("What it did.", CommandShape), *_UNKNOWN, "not_found"),
)
async def read_command(
    request: Request[Any, Any, Any], rooms: NamedDependency[Rooms], type: TypeName, id: EntityId, command: CommandId
) -> CommandShape:
    """What a command did, asked at the first entity it named: all its transitions, on whichever entities."""
    ref = Ref(type, id)
    # a command's id may hold slashes, whose escapes are gone from everything but the path as it was sent:
    # /api/v1/entities/{type}/{id}/commands/ and then the id
    written = unquote_to_bytes(request.scope["raw_path"].split(b"/", 7)[7]).decode()
    records = await rooms.asking.command(ref, written)
    if not records:
        raise await _missing(rooms, ref, f"No transition of {type}/{id} was made by a command {written[:255]!r}.")
    return CommandShape(written, [transition_of(record) for record in records])


@post(
    "/entities/{type:str}/{id:str}/erase",
    status_code=200,
    opt=says(
        Answer("The transition that erased it, now or before.", Recorded),
        *_UNKNOWN,
        "not_erasable",
        "overloaded",
        "store_unavailable",
        "outcome_unknown",
    ),
)
async def erase_entity(
    request: Request[Any, Any, Any], rooms: NamedDependency[Rooms], type: TypeName, id: EntityId
) -> Recorded:
    """Erase the personal data of an entity by destroying its keys.

    The transition `erased` that records it takes the personal fields away; what the log, its copies and the views hold
    of them cannot be read by anybody any more. Sent again, it answers with that transition.
    """
    ref = Ref(type, id)
    if await rooms.asking.head(ref) is None:
        raise await unknown(rooms, ref)
    if rooms.erasing is None:
        raise refuse("not_erasable", f"The personal data of {type}/{id} is not encrypted, so no key can be destroyed.")
    try:
        answer = await rooms.erasing.erase(ref, principal_behind(request).actor)
    except NothingToErase as error:
        raise refuse("not_erasable", f"{error}, so there is nothing to erase.") from None
    except (KeysUnavailable, StoreUnavailable) as error:
        raise refuse("store_unavailable", f"{error}") from None
    if answer is None:
        raise await unknown(rooms, ref)
    if not isinstance(answer, Done):
        raise ProblemFound(problem_of_answer(answer))
    return recorded(answer)


async def _head_as_of(
    rooms: Rooms, ref: Ref, version: int | None, place: str | None, at: str | None, basis: Any
) -> Head | None:
    if sum(given is not None for given in (version, place, at)) > 1:
        raise refuse("bad_parameter", "Give one of `version`, `place` and `at`.", parameter="version")
    if place is not None:
        rooms.store.compare_places(place, place)
    when = moment("at", at)
    return await rooms.asking.head_as_of(ref, version=version, place=place, at=when, basis=basis)


async def _part_of_history(rooms: Rooms, ref: Ref, after: int, limit: int) -> tuple[list[Record], bool]:
    """Up to `limit` transitions above a version, and whether there are more; fewer where they are large."""
    records: list[Record] = []
    size = 0
    while len(records) < limit and size < ANSWER_BYTES:
        wanted = min(_STEP, limit - len(records))
        found = await rooms.asking.history(ref, after, wanted + 1)
        records += found[:wanted]
        if len(found) <= wanted:
            return records, False
        size += sum(weight_of(record) for record in found)
        after = records[-1].version
    return records, True


async def unknown(rooms: Rooms, ref: Ref, *, then: bool = False) -> ProblemFound:
    """That there is no such entity (`then`: or was none at the time asked about), or not even such a type."""
    if await rooms.knows_type(ref.type):
        return refuse("unknown_entity", f"There is no {ref.type}/{ref.id}{', or there was none then' if then else ''}.")
    return refuse("unknown_type", f"No definition of {ref.type[:63]!r} is registered.")


async def _missing(rooms: Rooms, ref: Ref, sentence: str) -> ProblemFound:
    if await rooms.asking.head(ref) is None:
        return await unknown(rooms, ref)
    return refuse("not_found", sentence)


def _allowed(event: AllowedEvent) -> AllowedShape:
    said = [] if event.detail is None else [{"detail": event.detail}]
    explanation = [body_of(one) for one in event.explanation] or said
    return AllowedShape(event.event, event.allowed, event.why, explanation, event.schema)


HANDLERS = [read_entity, read_history, read_transition, read_allowed, read_command, erase_entity]
