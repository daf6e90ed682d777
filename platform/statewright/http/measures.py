"""What whole types did, over HTTP: paths, rework, hand-overs, throughput, funnel, dwell, references; JSON or CSV."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from litestar import Request, Response, get
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter
from msgspec import Struct

from statewright.http.calls import JSON, Answer, says
from statewright.http.media import CSV, Cell, Format, csv_of, table_or_document
from statewright.http.parameters import AfterRow, FromMoment, Limit, MinPlace, TheType, ToMoment, Wait
from statewright.http.problems import refuse
from statewright.http.rooms import Rooms
from statewright.http.shapes import State
from statewright.http.strictness import LIMIT_DEFAULT, cut, moment
from statewright.http.views import known, reach
from statewright.machine.faults import EXACT
from statewright.machine.moments import text_of
from statewright.stores.words import Place
from statewright.views import (
    Dwell,
    Funnel,
    HandOvers,
    Lengths,
    References,
    Related,
    Rework,
    Throughput,
    Variants,
    ended_by,
)

AnyRequest = Request[Any, Any, Any]
A = TypeVar("A", Dwell, Funnel, HandOvers, References, Related, Rework, Throughput, Variants)
_PLACED = ("Statewright-Place",)
_LENGTHS = ("p50_s", "p90_s", "p95_s", "p99_s", "mean_s", "longest_s", "estimated")

UnderRevision = Annotated[
    int | None, QueryParameter(name="revision", ge=1, le=EXACT, description="Only of this revision. Absent: of all.")
]
InSteps = Annotated[
    Literal["hour", "day", "week", "month"] | None,
    QueryParameter(name="step", description="How long the spans are, in UTC. Absent: a step that fits the period."),
]
TheEntity = Annotated[str, QueryParameter(name="id", max_length=200, description="The entity's id.")]
Naming = Annotated[
    bool | None,
    QueryParameter(
        name="names", description="`true`: only whom the entity names; `false`: only who names it. Absent: both."
    ),
]


class Asked(Struct, frozen=True):
    """The type, the period and the revision that are asked about, and how to answer."""

    type: str
    period: dict[str, int | None]
    media: str
    min_place: Place | None
    wait_s: float


def asked(
    request: AnyRequest,
    of_type: TheType,
    from_: FromMoment = None,
    to: ToMoment = None,
    revision: UnderRevision = None,
    format: Format = None,
    min_place: MinPlace = None,
    wait: Wait = 0,
) -> Asked:
    """The parameters that all these questions share. Raises ProblemFound."""
    since, until = moment("from", from_), moment("to", to)
    if since is not None and until is not None and since >= until:
        raise refuse("bad_parameter", "`to` must be later than `from`.", parameter="to")
    period = {"from_": since, "to": until, "revision": revision}
    return Asked(of_type, period, table_or_document(request, format), min_place, wait)


ASKED = {"question": Provide(asked, sync_to_thread=False)}
Question = NamedDependency[Asked]


class SpanShape(Struct, frozen=True, rename={"from_": "from"}):
    """How many entities began and how many ended in the span that begins at `from`."""

    from_: str
    begun: int
    ended: int


class ThroughputShape(Struct, frozen=True):
    """Entities that began and ended, span by span. `lasted`: from first to latest transition, of those that began."""

    type: str
    step: str
    begun: int
    ended: int
    lasted: Lengths | None
    items: list[SpanShape]


class ReferenceShape(Struct, frozen=True):
    """Another entity: one that is named (`names`) or that names the one asked about.

    `state` is null while there is no such entity: the reference is open.
    """

    names: bool
    relation: str
    type: str
    entity: str
    state: State | None
    since: str


class RelatedShape(Struct, frozen=True):
    """The entities related to one; `next` goes into `after`."""

    type: str
    entity: str
    items: list[ReferenceShape]
    next: str | None


def _says(sentence: str, shape: Any) -> dict[str, Any]:
    # what a table's rows hold is in the reference: OpenAPI describes text as text
    answer = Answer(sentence, {JSON: shape, CSV: str}, (JSON, CSV), _PLACED)
    return says(answer, "unknown_type", "not_there_yet", "not_acceptable")


@get("/views/variants", dependencies=ASKED, opt=_says("The paths, the most frequent first.", Variants))
async def list_variants(
    rooms: NamedDependency[Rooms], question: Question, limit: Limit = LIMIT_DEFAULT
) -> Response[bytes]:
    """The paths that entities took: the events of each in order, the most frequent path first.

    Of the entities that began in the days (UTC, business time) that overlap the period, under `revision`.
    """
    most = cut(limit)
    return await _answer(
        rooms,
        question,
        "variants",
        lambda: rooms.views.variants(question.type, limit=most, **question.period),
        lambda found: csv_of(
            ("entities", "share", "mean_s", "events"),
            ((each.entities, each.share, each.mean_s, " > ".join(each.events)) for each in found.items),
        ),
    )


@get("/views/rework", dependencies=ASKED, opt=_says("What was done again.", Rework))
async def measure_rework(rooms: NamedDependency[Rooms], question: Question) -> Response[bytes]:
    """How many entities entered a state, or took an event, again.

    Of the entities that began in the days (UTC, business time) that overlap the period, under `revision`.
    """

    def rows(found: Rework) -> Iterable[Sequence[Cell]]:
        yield from (("state", each.state, each.entities, each.again, each.entered) for each in found.states)
        yield from (("event", each.event, each.entities, each.again, each.times) for each in found.events)

    return await _answer(
        rooms,
        question,
        "variants",
        lambda: rooms.views.rework(question.type, **question.period),
        lambda found: csv_of(("kind", "name", "entities", "again", "times"), rows(found)),
    )


@get("/views/handovers", dependencies=ASKED, opt=_says("The hand-overs, the most frequent first.", HandOvers))
async def count_hand_overs(
    rooms: NamedDependency[Rooms], question: Question, limit: Limit = LIMIT_DEFAULT
) -> Response[bytes]:
    """How often work on an entity went from one actor to another.

    On the days (UTC, business time) that overlap the period. Who is not known, and the platform itself, do not count.
    """
    most = cut(limit)
    return await _answer(
        rooms,
        question,
        "variants",
        lambda: rooms.views.hand_overs(question.type, limit=most, **question.period),
        lambda found: csv_of(("from", "to", "times"), ((each.from_, each.to, each.times) for each in found.items)),
    )


@get("/views/throughput", dependencies=ASKED, opt=_says("The throughput.", ThroughputShape))
async def measure_throughput(
    rooms: NamedDependency[Rooms], question: Question, step: InSteps = None
) -> Response[bytes]:
    """How many entities began and how many ended, span by span, and how long those lasted that began.

    On the days (UTC, business time) that overlap the period.
    """
    ended = ended_by(rooms.catalog, question.type)

    def ask() -> Throughput:
        try:
            return rooms.views.throughput(question.type, ended, step=step, **question.period)
        except ValueError as error:
            raise refuse("bad_parameter", f"step: {error}.", parameter="step") from None

    return await _answer(
        rooms,
        question,
        "variants",
        ask,
        lambda found: csv_of(
            ("from", "begun", "ended"), ((text_of(each.from_), each.begun, each.ended) for each in found.items)
        ),
        lambda found: ThroughputShape(
            found.type,
            found.step,
            found.begun,
            found.ended,
            found.lasted,
            [SpanShape(text_of(each.from_), each.begun, each.ended) for each in found.items],
        ),
    )


@get("/views/funnel", dependencies=ASKED, opt=_says("The states, the one that most reached first.", Funnel))
async def measure_funnel(rooms: NamedDependency[Rooms], question: Question) -> Response[bytes]:
    """How many entities ever reached each state, and how long that took from their first transition.

    Of the entities that began in the days (UTC, business time) that overlap the period, under `revision`.
    """
    return await _answer(
        rooms,
        question,
        "variants",
        lambda: rooms.views.funnel(question.type, **question.period),
        lambda found: csv_of(
            ("state", "reached", "share", *_LENGTHS),
            ((each.state, each.reached, each.share, *_figures(each.seconds)) for each in found.items),
        ),
    )


@get("/views/dwell", dependencies=ASKED, opt=_says("The stays that ended, per state and per transition.", Dwell))
async def measure_dwell(rooms: NamedDependency[Rooms], question: Question) -> Response[bytes]:
    """How long the stays lasted that ended, per state and per transition that ended them.

    On the days (UTC, business time) that overlap the period, under `revision`. An estimate is within 1 %, and says so.
    """

    def rows(found: Dwell) -> Iterable[Sequence[Cell]]:
        for state in found.states:
            yield state.state, None, None, state.ended, *_figures(state.seconds)
        for each in found.transitions:
            to = each.to if isinstance(each.to, str) else ", ".join(each.to)
            yield each.from_, each.event, to, each.ended, *_figures(each.seconds)

    return await _answer(
        rooms,
        question,
        "stays",
        lambda: rooms.views.dwell(question.type, **question.period),
        lambda found: csv_of(("state", "event", "to", "ended", *_LENGTHS), rows(found)),
    )


@get("/views/relations", opt=_says("The entities related to one.", RelatedShape))
async def list_related(
    request: AnyRequest,
    rooms: NamedDependency[Rooms],
    of_type: TheType,
    id: TheEntity,
    names: Naming = None,
    after: AfterRow = None,
    limit: Limit = LIMIT_DEFAULT,
    format: Format = None,
    min_place: MinPlace = None,
    wait: Wait = 0,
) -> Response[bytes]:
    """Whom an entity names by the keys of its relations, and who names it; those that do not exist yet too."""
    question = Asked(of_type, {}, table_or_document(request, format), min_place, wait)
    most = cut(limit)

    def ask() -> Related:
        try:
            return rooms.views.related(of_type, id, after=after, limit=most, names=names)
        except ValueError as error:
            raise refuse("bad_parameter", f"after: {error}.", parameter="after") from None

    def shape(found: Related) -> RelatedShape:
        items = [
            ReferenceShape(each.names, each.relation, each.type, each.entity, _state(each.state), text_of(each.since))
            for each in found.items
        ]
        return RelatedShape(found.type, found.entity, items, found.next)

    return await _answer(
        rooms,
        question,
        "relations",
        ask,
        lambda found: csv_of(
            ("names", "relation", "type", "entity", "state", "since"),
            (
                (each.names, each.relation, each.type, each.entity, _text(each.state), text_of(each.since))
                for each in found.items
            ),
        ),
        shape,
    )


@get("/views/references", opt=_says("The relations of the type, with counts.", References))
async def count_references(
    request: AnyRequest,
    rooms: NamedDependency[Rooms],
    of_type: TheType,
    format: Format = None,
    min_place: MinPlace = None,
    wait: Wait = 0,
) -> Response[bytes]:
    """How many references entities of a type hold under each relation, and how many name nobody that exists yet."""
    question = Asked(of_type, {}, table_or_document(request, format), min_place, wait)
    return await _answer(
        rooms,
        question,
        "relations",
        lambda: rooms.views.references(of_type),
        lambda found: csv_of(
            ("relation", "to", "references", "entities", "open"),
            ((each.relation, each.to, each.references, each.entities, each.open) for each in found.items),
        ),
    )


async def _answer(
    rooms: Rooms,
    question: Asked,
    view: str,
    ask: Callable[[], A],
    table: Callable[[A], str],
    shape: Callable[[A], Any] | None = None,
) -> Response[bytes]:
    """Ask in a thread, since reading the views blocks, and say up to which place the answer shows the log."""
    await known(rooms, question.type)
    await reach(rooms, view, question.min_place, question.wait_s)
    found = await asyncio.to_thread(ask)
    headers = {"Statewright-Place": found.place, "Vary": "Accept"}
    if question.media == CSV:
        name = f"{question.type}-{view}.csv"
        headers["Content-Disposition"] = f'attachment; filename="{name}"'
        return Response(table(found).encode(), media_type=CSV, headers=headers)
    return Response(msgspec.json.encode(shape(found) if shape else found), media_type=JSON, headers=headers)


def _figures(lengths: Lengths | None) -> tuple[Cell, ...]:
    return (None,) * len(_LENGTHS) if lengths is None else msgspec.structs.astuple(lengths)


def _state(state: str | Sequence[str] | None) -> State | None:
    return state if state is None or isinstance(state, str) else list(state)


def _text(state: str | Sequence[str] | None) -> str | None:
    return state if state is None or isinstance(state, str) else ", ".join(state)


HANDLERS = [
    list_variants,
    measure_rework,
    count_hand_overs,
    measure_throughput,
    measure_funnel,
    measure_dwell,
    list_related,
    count_references,
]
