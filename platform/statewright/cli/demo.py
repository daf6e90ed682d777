"""`statewright demo`: the platform with the bundled definitions and a month of made-up lives."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from statewright.cli import live as life
from statewright.cli.backdating import SetClock, record
from statewright.cli.bundled import bundled_definitions
from statewright.cli.installation import CANNOT_OPEN, installation
from statewright.cli.replaying import register
from statewright.cli.reports import machine_in
from statewright.cli.serve import run
from statewright.cli.servers import EmbeddedServer, Server
from statewright.cli.simulate import pace_of
from statewright.cli.simulation import Happening, Simulation, happenings
from statewright.machine.moments import Micros
from statewright.settings import Settings

_DAY = 86_400 * 1_000_000
_LATE = 0.01
_MISTAKES = 0.03


@click.command()
@installation(data="statewright-demo")
@click.option(
    "--entities", default=150, show_default=True, type=click.IntRange(1, 100_000), help="How many of each type."
)
@click.option("--days", default=30, show_default=True, type=click.IntRange(1, 3_650), help="How far back lives begin.")
@click.option("--seed", default=1, show_default=True, help="Another seed, other lives.")
@click.option("--live", is_flag=True, envvar="STATEWRIGHT_LIVE", show_envvar=True, help="Keep some entities moving.")
@click.option(
    "--pause", default=2.0, show_default=True, type=click.FloatRange(0.01), help="Seconds between their events."
)
def demo(settings: Settings, entities: int, days: int, seed: int, live: bool, pause: float) -> None:
    """Run the platform with samples: definitions that come along, and histories made up to now.

    A folder whose log is not empty is served as it is.
    """
    if live and settings.port == 0:
        raise click.UsageError("--live must know where to send: give a --port")
    files = bundled_definitions()
    try:
        asyncio.run(fill(settings, files, entities, days, seed))
    except CANNOT_OPEN as error:
        raise click.ClickException(str(error)) from None
    if live:
        types = [machine_in(file).type for file in files]
        life.start(f"http://{settings.host}:{settings.port}", types, pause)
    run(settings)


async def fill(settings: Settings, files: list[Path], entities: int, days: int, seed: int) -> None:
    """Load definitions and histories into an installation whose log is empty; leave any other alone."""
    from statewright.app import installed  # the web framework takes its time; the other commands do without it

    until = time.time_ns() // 1_000
    clock = SetClock(until - days * _DAY)
    async with installed(settings, clock) as rooms:
        server = EmbeddedServer(rooms.application)
        if not await _is_empty(server):
            return
        for file in files:
            await register(server, file.read_bytes(), str(file))
        summary = await record(rooms.committer, clock, _lives(files, clock.now, until, entities, seed))
        tried = f"{summary.refused.total():,} more were refused, as some always are"
        click.echo(
            f"{summary.accepted:,} events of {entities * len(files):,} made-up entities are there; {tried}", err=True
        )


async def _is_empty(server: Server) -> bool:
    async with server.get("/transitions?limit=1") as answer:
        return not msgspec.json.decode(await answer.text())["items"]


def _lives(
    files: list[Path], since: Micros, until: Micros, entities: int, seed: int
) -> Iterator[tuple[str, Happening]]:
    """The histories of all types as they would have come in: by time, whatever the type."""
    pace = pace_of(since, until)

    def of(file: Path) -> Iterator[tuple[str, Happening]]:
        machine = machine_in(file)
        simulation = Simulation(machine, seed, pace)
        lives = happenings(simulation, entities=entities, since=since, until=until, late=_LATE, mistakes=_MISTAKES)
        return ((machine.type, happening) for happening in lives)

    return heapq.merge(*(of(file) for file in files), key=lambda each: each[1].moment)
