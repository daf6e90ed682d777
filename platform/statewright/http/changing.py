"""Changes of a definition over HTTP: what differs between two revisions, and how the recorded history would fare."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from litestar import Response, delete, get, post
from litestar.di import NamedDependency
from litestar.params import PathParameter, QueryParameter
from msgspec import Struct

from statewright.catalog import Backtest, UnknownRevision
from statewright.catalog.backtests import UnknownBacktest
from statewright.http.calls import Answer, says
from statewright.http.parameters import RevisionNumber, TypeName
from statewright.http.problems import refuse
from statewright.http.rooms import Rooms
from statewright.http.shapes import Page
from statewright.machine.backtesting import Finding
from statewright.machine.comparing import Comparison, Difference
from statewright.machine.definition import Definition
from statewright.machine.faults import EXACT
from statewright.machine.moments import Micros, text_of

FromRevision = Annotated[
    int | None,
    QueryParameter(name="from", ge=1, le=EXACT, description="The earlier revision; absent: the active one."),
]
ToRevision = Annotated[
    int | None, QueryParameter(name="to", ge=1, le=EXACT, description="The later revision; absent: the latest.")
]
BacktestId = Annotated[int, PathParameter(ge=1, le=EXACT, description="The backtest's number.")]


class Differences(Struct, rename={"from_": "from"}):
    """What differs between two revisions, states and transitions first; empty when they say the same."""

    type: str
    from_: int
    to: int
    items: list[Difference]


class BacktestShape(Struct, omit_defaults=True):
    """A revision tried on the recorded history of its type, as far as it is; `findings` are the most frequent first.

    `share` is how much of the log was read, from 0 to 1. `accepted` transitions went where the log says, `diverged`
    ones elsewhere. `histories` counts entities, `conforming` those of which nothing came out otherwise.
    """

    id: int
    type: str
    revision: int
    status: Literal["waiting", "running", "done", "cancelled", "failed"]
    asked_at: str
    started_at: str | None
    finished_at: str | None
    place: str
    goal: str | None
    share: float
    error: str | None
    transitions: int
    accepted: int
    refused: int
    diverged: int
    passed_over: int
    histories: int
    conforming: int
    timers_due: int
    findings: list[Finding]


@get(
    "/definitions/{type:str}/differences",
    opt=says(Answer("What differs.", Differences), "unknown_type", "not_found"),
)
async def read_differences(
    rooms: NamedDependency[Rooms], type: TypeName, from_: FromRevision = None, to: ToRevision = None
) -> Differences:
    """What differs between two revisions of a type, each thing with its place and a sentence."""
    earlier, later = await revisions_of(rooms, type, from_, to)
    before, after = [await definition_of(rooms, type, revision) for revision in (earlier, later)]
    return Differences(type, earlier, later, await asyncio.to_thread(_differences, before[0], after[0]))


@post(
    "/definitions/{type:str}/revisions/{revision:int}/backtests",
    status_code=202,
    opt=says(
        {202: Answer("It will be run, or is already.", BacktestShape, headers=("Location",))},
        "unknown_type",
        "not_found",
        "invalid_definition",
    ),
)
async def begin_backtest(
    rooms: NamedDependency[Rooms], type: TypeName, revision: RevisionNumber
) -> Response[BacktestShape]:
    """Try a revision on the whole recorded history of its type; nothing that is recorded is touched.

    One that waits or runs already is not begun twice. It outlives the call, and a restart of the server.
    """
    found = await asyncio.to_thread(rooms.catalog.revision, type, revision)
    await asyncio.to_thread(rooms.catalog.machine_of, type, revision)  # one with errors cannot be tried
    asked = await asyncio.to_thread(rooms.catalog.backtests.ask, type, revision, found.digest)
    rooms.backtest()
    return Response(_shown(asked), status_code=202, headers={"Location": _path(asked)})


@get(
    "/definitions/{type:str}/revisions/{revision:int}/backtests",
    opt=says(Answer("The backtests, the latest first.", Page[BacktestShape]), "unknown_type", "not_found"),
)
async def list_backtests(
    rooms: NamedDependency[Rooms], type: TypeName, revision: RevisionNumber
) -> Page[BacktestShape]:
    """The backtests of a revision; the latest 20 are kept."""
    await asyncio.to_thread(rooms.catalog.revision, type, revision)
    found = await asyncio.to_thread(rooms.catalog.backtests.of, type, revision)
    return Page([_shown(each) for each in found], None)


@get(
    "/definitions/{type:str}/revisions/{revision:int}/backtests/{backtest:int}",
    opt=says(Answer("The backtest as far as it is.", BacktestShape), "not_found"),
)
async def read_backtest(
    rooms: NamedDependency[Rooms], type: TypeName, revision: RevisionNumber, backtest: BacktestId
) -> BacktestShape:
    """One backtest: how far it is, and what it has found so far."""
    try:
        return _shown(await asyncio.to_thread(rooms.catalog.backtests.one, type, revision, backtest))
    except UnknownBacktest as error:
        raise _not_found(error) from None


@delete(
    "/definitions/{type:str}/revisions/{revision:int}/backtests/{backtest:int}",
    opt=says({204: Answer("It is cancelled, or had ended.")}, "not_found"),
)
async def cancel_backtest(
    rooms: NamedDependency[Rooms], type: TypeName, revision: RevisionNumber, backtest: BacktestId
) -> None:
    """End a backtest that waits or runs; one that has ended stays as it is."""
    try:
        await asyncio.to_thread(rooms.catalog.backtests.cancel, type, revision, backtest)
    except UnknownBacktest as error:
        raise _not_found(error) from None
    rooms.backtest()


async def revisions_of(rooms: Rooms, type: str, earlier: int | None, later: int | None) -> tuple[int, int]:
    """The two revisions that are meant. Raises UnknownType, and UnknownRevision where none is active to begin from."""
    known = await asyncio.to_thread(rooms.catalog.revisions, type)
    if earlier is None:
        earlier = next((one.revision for one in known if one.status == "active"), None)
        if earlier is None:
            raise UnknownRevision(type, None)
    return earlier, known[-1].revision if later is None else later


async def definition_of(rooms: Rooms, type: str, revision: int) -> tuple[Definition, str]:
    """The definition of a revision, with errors or without, and its digest."""
    text = await asyncio.to_thread(rooms.catalog.document, type, revision)
    reading = await asyncio.to_thread(rooms.catalog.reader.definition, text)
    if reading.definition is None:
        raise refuse("not_found", f"Revision {revision} of {type} cannot be read any more.")
    return reading.definition, reading.digest


def _differences(before: Definition, after: Definition) -> list[Difference]:
    return Comparison(before, after).differences()


def _not_found(error: UnknownBacktest) -> Exception:
    sentence = str(error)
    return refuse("not_found", sentence[:1].upper() + sentence[1:] + ".")


def _path(asked: Backtest) -> str:
    return f"/api/v1/definitions/{asked.type}/revisions/{asked.revision}/backtests/{asked.id}"


def _time(micros: Micros | None) -> str | None:
    return None if micros is None else text_of(micros)


def _shown(found: Backtest) -> BacktestShape:
    tally: dict[str, Any] = {name: getattr(found.tally, name) for name in found.tally.__struct_fields__}
    return BacktestShape(
        id=found.id,
        type=found.type,
        revision=found.revision,
        status=found.status,
        asked_at=text_of(found.asked_at),
        started_at=_time(found.started_at),
        finished_at=_time(found.finished_at),
        place=found.place,
        goal=found.goal,
        share=round(found.share, 4),
        error=found.error,
        **tally,
    )


HANDLERS = [read_differences, begin_backtest, list_backtests, read_backtest, cancel_backtest]
