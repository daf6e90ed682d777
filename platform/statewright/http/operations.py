"""For those who run the server: consolidators and their rebuilds, health, and metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from litestar import Response, get, post
from litestar.di import NamedDependency
from msgspec import Struct
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from statewright.http.calls import Answer, says
from statewright.http.parameters import ConsolidatorName
from statewright.http.problems import refuse
from statewright.http.rooms import Rooms
from statewright.http.shapes import Page
from statewright.machine.moments import text_of
from statewright.views import NotBuiltYet, Standing

_process = CollectorRegistry(auto_describe=False)
ProcessCollector(namespace="statewright", registry=_process)


class ParkedShape(Struct):
    """An entity whose transition a consolidator could not handle; `held` transitions wait, that one included."""

    type: str
    entity: str
    version: int
    position: int
    reason: str
    held: int
    parked_at: str


class RebuildShape(Struct):
    """A rebuild beside the live tables; `goal` is where the log ended when it began."""

    generation: int | None
    phase: str
    place: str
    goal: str
    started_at: str
    error: str | None


class StandingShape(Struct):
    """Where a consolidator is. `lag` counts transitions, `lag_s` is how long the first of them has waited.

    `held_by` is the process that runs it, null while none does.
    """

    name: str
    generation: int | None
    place: str
    transitions: int
    lag: int | None
    lag_s: float | None
    error: str | None
    failed_at: str | None
    parked: list[ParkedShape]
    rebuild: RebuildShape | None
    held_by: str | None


class Asked(Struct):
    """A rebuild was asked for; `GET /consolidators` shows how far it is."""

    name: str


class Health(Struct):
    """How the server is, in a word."""

    status: str


@get("/consolidators", opt=says(Answer("The consolidators, by name.", Page[StandingShape])))
async def list_consolidators(rooms: NamedDependency[Rooms]) -> Page[StandingShape]:
    """How far each consolidator is, what it could not handle, and the rebuild under way."""
    return Page([_standing(each) for each in await rooms.standings()], None)


@post(
    "/consolidators/{name:str}/rebuild",
    status_code=202,
    opt=says({202: Answer("It will be rebuilt.", Asked)}, "not_found"),
)
async def rebuild_consolidator(rooms: NamedDependency[Rooms], name: ConsolidatorName) -> Asked:
    """Have a view built anew beside its live tables; readers see the old one until the new one has caught up."""
    try:
        await asyncio.to_thread(rooms.rebuild, name)
    except LookupError as error:
        sentence = str(error.args[0]) if error.args else f"there is no consolidator {name!r}"
        raise refuse("not_found", sentence[:1].upper() + sentence[1:] + ".") from None
    return Asked(name)


@get("/health/live", opt=says(Answer("The server answers.", Health)))
async def say_alive() -> Health:
    """Whether the process lives: it answers, so it does."""
    return Health("live")


@get("/health/ready", opt=says(Answer("The server can take commands.", Health)))
async def say_ready(rooms: NamedDependency[Rooms]) -> Health:
    """Whether the server can take commands: the log and the catalogue can be read, and the queue is not full."""
    await rooms.store.latest_place()
    await asyncio.to_thread(rooms.catalog.types)
    if rooms.committer.waiting >= rooms.committer.queue_limit:
        raise refuse("overloaded", f"{rooms.committer.waiting:,} events are waiting, as many as the queue takes.")
    return Health("ready")


@get("/metrics", opt=says(Answer("The figures.", str, (CONTENT_TYPE_LATEST.partition(";")[0],))))
async def say_metrics(rooms: NamedDependency[Rooms]) -> Response[bytes]:
    """Figures for Prometheus, read when asked for; nothing is counted on the way of a command for their sake."""
    try:
        standings = await rooms.standings()
    except NotBuiltYet:
        standings = []
    figures = CollectorRegistry(auto_describe=False)
    figures.register(_Figures([*_of_server(rooms, await rooms.store.latest_place()), *_of_consolidators(standings)]))
    return Response(generate_latest(figures) + generate_latest(_process), media_type=CONTENT_TYPE_LATEST)


class _Figures(Collector):
    def __init__(self, families: Iterable[GaugeMetricFamily]) -> None:
        self._families = list(families)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        return self._families


def _of_server(rooms: Rooms, place: str) -> Iterable[GaugeMetricFamily]:
    committer = rooms.committer
    yield GaugeMetricFamily("statewright_queue_waiting", "Commands that wait to be decided.", committer.waiting)
    yield GaugeMetricFamily("statewright_queue_limit", "How many commands may wait.", committer.queue_limit)
    yield GaugeMetricFamily("statewright_streams_open", "Open streams of the log.", len(rooms.broadcast))
    if place.isdigit():  # a log of several partitions has no single position
        yield GaugeMetricFamily("statewright_log_position", "The last position of the log.", int(place))


def _of_consolidators(standings: Iterable[Standing]) -> Iterable[GaugeMetricFamily]:
    def family(name: str, says: str) -> GaugeMetricFamily:
        return GaugeMetricFamily(f"statewright_consolidator_{name}", says, labels=["name"])

    transitions = family("transitions", "Transitions consolidated into the live tables.")
    lag = family("lag_transitions", "Transitions of the log that are not in the view yet.")
    lag_s = family("lag_seconds", "How long the first transition that is not in the view has waited.")
    parked = family("parked_entities", "Entities with a transition that could not be handled.")
    failing = family("failing", "1 while the consolidator stands still because of an error.")
    for each in standings:
        transitions.add_metric([each.name], each.transitions)
        lag.add_metric([each.name], each.lag or 0)
        lag_s.add_metric([each.name], each.lag_s or 0.0)
        parked.add_metric([each.name], len(each.parked))
        failing.add_metric([each.name], each.error is not None)
    return (transitions, lag, lag_s, parked, failing)


def _standing(standing: Standing) -> StandingShape:
    rebuild = standing.rebuild
    return StandingShape(
        name=standing.name,
        generation=standing.generation,
        place=standing.place,
        transitions=standing.transitions,
        lag=standing.lag,
        lag_s=standing.lag_s,
        error=standing.error,
        failed_at=None if standing.failed_at is None else text_of(standing.failed_at),
        parked=[
            ParkedShape(
                each.type, each.entity, each.version, each.position, each.reason, each.held, text_of(each.parked_at)
            )
            for each in standing.parked
        ],
        rebuild=None
        if rebuild is None
        else RebuildShape(
            rebuild.generation,
            rebuild.phase,
            rebuild.place,
            rebuild.goal,
            text_of(rebuild.started_at),
            rebuild.error,
        ),
        held_by=standing.held_by,
    )


HANDLERS = [list_consolidators, rebuild_consolidator]
ROOT_HANDLERS = [say_alive, say_ready, say_metrics]
