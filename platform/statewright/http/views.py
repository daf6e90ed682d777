"""The views over HTTP: counts, stays, flow and lists of entities, each with the place up to which it shows the log."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, Literal, TypeVar

from litestar import Response, get
from litestar.di import NamedDependency, Provide
from litestar.params import FromPath, QueryParameter
from msgspec import Struct

from statewright.catalog import CatalogError
from statewright.http.calls import Answer, says
from statewright.http.parameters import (
    AfterRow,
    AtMoment,
    AtPlace,
    FromMoment,
    Limit,
    MinPlace,
    OfType,
    OnBasis,
    TheType,
    ToMoment,
    TypeName,
    Wait,
)
from statewright.http.problems import refuse
from statewright.http.rooms import Rooms
from statewright.http.shapes import Page, State, state_of
from statewright.http.strictness import LIMIT_DEFAULT, cut, moment
from statewright.machine.moments import text_of
from statewright.machine.names import nearest
from statewright.stores.words import BadPlace, Place
from statewright.views import Arrow, Basis, Counts, EntityPage, EntityRow, Order, Stays
from statewright.views.query import QUERY_CHARACTERS, BadQuery, Query, read_query

T = TypeVar("T", Counts, Stays, "FlowShape")
_PLACED = ("Statewright-Place",)

InState = Annotated[
    list[str] | None,
    QueryParameter(
        name="state", description="Only in this state or one inside it; give it several times for any of several."
    ),
]
ByQuery = Annotated[
    str | None,
    QueryParameter(
        max_length=QUERY_CHARACTERS,
        description="What they must be, as in `state:paid since:>3d data.amount:>100`; a bare word is a part of the "
        "id.",
    ),
]
InOrder = Annotated[
    Literal["newest", "oldest", "longest", "shortest", "id"],
    QueryParameter(
        description="By the latest transition, by how long they have been in their state, or by id. As of a place or "
        "moment always by id."
    ),
]


class Listing(Struct, frozen=True):
    """Which entities are asked for, in which order, and as of when."""

    query: Query
    states: list[str]
    order: Order
    after: str | None
    limit: int
    place: Place | None
    at: int | None
    basis: Basis
    min_place: Place | None
    wait_s: float


def listing_of(
    states: InState = None,
    q: ByQuery = None,
    order: InOrder = "newest",
    after: AfterRow = None,
    limit: Limit = LIMIT_DEFAULT,
    place: AtPlace = None,
    at: AtMoment = None,
    basis: OnBasis = "recorded",
    min_place: MinPlace = None,
    wait: Wait = 0,
) -> Listing:
    """The parameters that all lists of entities share. Raises ProblemFound."""
    when = _one_of(place, at)
    return Listing(query_of(q), states or [], order, after, cut(limit), place, when, basis, min_place, wait)


def query_of(q: str | None) -> Query:
    """What a query says. Raises ProblemFound with the place of every fault."""
    try:
        return read_query(q or "")
    except BadQuery as error:
        raise bad_query(error) from None


def bad_query(error: BadQuery) -> Exception:
    """The problem of a query that cannot be read, or not be asked here."""
    return refuse("bad_parameter", f"q, {error}.", parameter="q", faults=list(error.faults))


LISTING = {"listing": Provide(listing_of, sync_to_thread=False)}


class Row(Struct, gc=False):
    """One entity as the view has it. As of an earlier place or moment, what the view does not keep is null."""

    type: str
    entity: str
    state: State
    leaves: list[str]
    data: dict[str, Any] | None
    version: int | None
    revision: int | None
    since: str
    created_at: str | None
    happened_at: str | None
    recorded_at: str | None
    actor: str | None
    final: bool | None


class RefusedOften(Struct):
    """How often an event (null: creation) was refused in a state for a reason."""

    state: State
    event: str | None
    why: str
    count: int


class FlowShape(Struct):
    """How often each transition happened, and what was refused."""

    type: str
    place: str
    transitions: list[Arrow]
    refusals: list[RefusedOften]


class Question(Struct, frozen=True):
    """A view that can be asked, where, and by which parameters."""

    name: str
    path: str
    says: str
    parameters: list[str]


@get("/views/counts", opt=says(Answer("The counts.", Counts, headers=_PLACED), "unknown_type", "not_there_yet"))
async def count_entities(
    rooms: NamedDependency[Rooms],
    of_type: TheType,
    place: AtPlace = None,
    at: AtMoment = None,
    basis: OnBasis = "recorded",
    min_place: MinPlace = None,
    wait: Wait = 0,
) -> Response[Counts]:
    """Entities per leaf state and per configuration: now, at a place of the log, or at a moment."""
    when = _one_of(place, at)
    await known(rooms, of_type)
    then = place is not None or when is not None
    await reach(rooms, "stays" if then else "entities", min_place, wait)
    await reach(rooms, "stays", place, wait)
    counts = rooms.views.counts
    return await _answer(lambda: counts(of_type, place=place, at=when, basis=basis))


@get(
    "/views/stays",
    opt=says(Answer("The stays, one item per state.", Stays, headers=_PLACED), "unknown_type", "not_there_yet"),
)
async def measure_stays(
    rooms: NamedDependency[Rooms], of_type: TheType, min_place: MinPlace = None, wait: Wait = 0
) -> Response[Stays]:
    """How long entities stayed in each state: ended and open stays, and the seconds of the ended ones.

    Percentiles by nearest rank. A stay is a maximal visit: self-transitions do not end it.
    """
    await known(rooms, of_type)
    await reach(rooms, "stays", min_place, wait)
    return await _answer(lambda: rooms.views.stays(of_type))


@get("/views/flow", opt=says(Answer("The flow.", FlowShape, headers=_PLACED), "unknown_type", "not_there_yet"))
async def count_transitions(
    rooms: NamedDependency[Rooms],
    of_type: TheType,
    from_: FromMoment = None,
    to: ToMoment = None,
    min_place: MinPlace = None,
    wait: Wait = 0,
) -> Response[FlowShape]:
    """How often each event took entities from one state to another, and how often events were refused.

    By the hours of business time that overlap the stretch asked for.
    """
    since, until = moment("from", from_), moment("to", to)
    await known(rooms, of_type)
    await reach(rooms, "flow", min_place, wait)

    def ask() -> FlowShape:
        flow = rooms.views.flow(of_type, from_=since, to=until)
        refused = rooms.catalog.refusals.counts(of_type, since, until)
        rows = [RefusedOften(state_of(each.leaves or None), each.event, each.why, each.count) for each in refused]
        return FlowShape(flow.type, flow.place, flow.transitions, rows)

    return await _answer(ask)


_ENTITIES = says(Answer("A page of entities.", Page[Row], headers=_PLACED), "unknown_type", "not_there_yet")


@get("/entities", dependencies=LISTING, opt=_ENTITIES)
async def list_entities(
    rooms: NamedDependency[Rooms], listing: NamedDependency[Listing], of_type: OfType = None
) -> Response[Page[Row]]:
    """Entities of all types, from the `entities` view, which may be a moment behind the log."""
    return await _list(rooms, of_type, listing)


@get("/entities/{type:str}", dependencies=LISTING, opt=_ENTITIES)
async def list_entities_of_type(
    rooms: NamedDependency[Rooms], listing: NamedDependency[Listing], type: TypeName
) -> Response[Page[Row]]:
    """Entities of one type, from the `entities` view, which may be a moment behind the log."""
    await known(rooms, type)
    return await _list(rooms, type, listing)


@get("/views/entities", dependencies=LISTING, opt=_ENTITIES)
async def read_entities_view(
    rooms: NamedDependency[Rooms], listing: NamedDependency[Listing], of_type: OfType = None
) -> Response[Page[Row]]:
    """The rows of the `entities` view: the same as `GET /entities`."""
    return await _list(rooms, of_type, listing)


@get("/views", opt=says(Answer("The views.", Page[Question])))
async def list_views() -> Page[Question]:
    """What can be asked of the views."""
    return Page(QUESTIONS, None)


@get("/views/{name:str}", include_in_schema=False)
async def read_no_view(name: FromPath[str]) -> None:
    """Say which views there are, to who asks for another."""
    known = [question.name for question in QUESTIONS]
    near = nearest(name, known)
    hint = f"did you mean {near}?" if near else f"there are {', '.join(known)}."
    raise refuse("not_found", f"There is no view {name[:100]!r}; {hint}", nearest=near)


async def _list(rooms: Rooms, type: str | None, listing: Listing) -> Response[Page[Row]]:
    then = listing.place is not None or listing.at is not None
    await reach(rooms, "stays" if then else "entities", listing.min_place, listing.wait_s)
    await reach(rooms, "stays", listing.place, listing.wait_s)

    def ask() -> EntityPage:
        return rooms.views.entities(
            type,
            states=listing.states,
            query=listing.query,
            order=listing.order,
            after=listing.after,
            limit=listing.limit,
            place=listing.place,
            at=listing.at,
            basis=listing.basis,
        )

    try:
        page = await asyncio.to_thread(ask)
    except BadPlace:
        raise
    except BadQuery as error:
        raise bad_query(error) from None
    except ValueError as error:
        raise refuse("bad_parameter", f"after: {error}.", parameter="after") from None
    rows = [row_of(rooms, row) for row in page.items]
    return Response(Page(rows, page.next), headers={"Statewright-Place": page.place})


async def known(rooms: Rooms, type: str) -> None:
    """Refuse a type that nobody registered, so that a misspelt one is not answered with nothing."""
    if not await rooms.knows_type(type):
        raise refuse("unknown_type", f"No definition of {type[:63]!r} is registered.")


async def reach(rooms: Rooms, view: str, place: Place | None, wait_s: float) -> None:
    """Wait until a view shows the log up to `place`. Raises ProblemFound when it does not in time, and BadPlace."""
    if place is None:
        return
    rooms.store.compare_places(place, place)
    if not await rooms.patiently(rooms.views.wait_for(view, place, wait_s)):
        raise refuse("not_there_yet", f"The view {view} did not reach {place} within {wait_s:g} seconds.", view=view)


async def _answer(ask: Callable[[], T]) -> Response[T]:
    """Ask in a thread, since reading the views blocks, and say up to which place the answer shows the log."""
    found = await asyncio.to_thread(ask)
    return Response(found, headers={"Statewright-Place": found.place})


def _one_of(place: Place | None, at: str | None) -> int | None:
    if place is not None and at is not None:
        raise refuse("bad_parameter", "Give either `place` or `at`, not both.", parameter="at")
    return moment("at", at)


def row_of(rooms: Rooms, row: EntityRow) -> Row:
    """An entity of the view as callers read it."""
    data = row.data if row.personal is None or row.data is None else {**row.data, **row.personal}
    return Row(
        type=row.type,
        entity=row.entity,
        state=state_of(row.leaves),
        leaves=list(row.leaves),
        data=data,
        version=row.version,
        revision=row.revision,
        since=text_of(row.since),
        created_at=_text(row.created_at),
        happened_at=_text(row.happened_at),
        recorded_at=_text(row.recorded_at),
        actor=row.actor,
        final=_final(rooms, row),
    )


def _final(rooms: Rooms, row: EntityRow) -> bool | None:
    """Whether the entity's life is over; not known where the row does not say under which revision it lives."""
    if row.revision is None:
        return None
    try:
        return rooms.catalog.machine_of(row.type, row.revision).is_final(row.leaves)
    except CatalogError:
        return None


def _text(micros: int | None) -> str | None:
    return None if micros is None else text_of(micros)


_LISTING = ["type", "state", "q", "order", "after", "limit", "place", "at", "basis", "min_place", "wait"]
_PERIOD = ["type", "from", "to", "revision"]
_FORM = ["format", "min_place", "wait"]


def _question(name: str, says: str, *parameters: str) -> Question:
    return Question(name, f"/api/v1/views/{name}", says, [*parameters])


QUESTIONS = [
    _question(
        "counts",
        "entities per leaf state and per configuration, now or as it was",
        *("type", "place", "at", "basis", "min_place", "wait"),
    ),
    _question(
        "deadlines",
        "the timers that run, by the moment at which they are due",
        *("type", "before", "after", "limit", "min_place", "wait"),
    ),
    _question("dwell", "how long stays lasted, per state and per transition that ended them", *_PERIOD, *_FORM),
    _question("entities", "one row per entity, now or as it was", *_LISTING),
    _question(
        "export",
        "all entities that fit a query, as a file",
        *("type", "state", "q", "columns", "format", "min_place", "wait"),
    ),
    _question(
        "flow",
        "how often each transition happened, and what was refused",
        *("type", "from", "to", "min_place", "wait"),
    ),
    _question("funnel", "how many entities reached each state, and how long that took", *_PERIOD, *_FORM),
    _question("handovers", "how often work went from one actor to another", *_PERIOD, "limit", *_FORM),
    _question("references", "how many references each relation holds, and how many are still open", "type", *_FORM),
    _question("relations", "whom an entity names, and who names it", "type", "id", "names", "after", "limit", *_FORM),
    _question("rework", "which states were entered, and which events happened, again", *_PERIOD, *_FORM),
    _question("stays", "how long entities stayed in each state", "type", "min_place", "wait"),
    _question(
        "tally", "how many entities fit a query, per type and configuration", "type", "state", "q", "min_place", "wait"
    ),
    _question("throughput", "how many entities began and how many ended", *_PERIOD, "step", *_FORM),
    _question("variants", "the paths that entities took, the most frequent first", *_PERIOD, "limit", *_FORM),
]

HANDLERS = [
    count_entities,
    measure_stays,
    count_transitions,
    list_entities,
    list_entities_of_type,
    read_entities_view,
    list_views,
    read_no_view,
]
