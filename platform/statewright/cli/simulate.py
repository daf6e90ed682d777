"""`statewright simulate`: histories that might have been, from any definition."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO

import click
import msgspec

from statewright.cli.reports import machine_in
from statewright.cli.simulation import Simulation, histories
from statewright.machine.moments import Micros, micros_of

_DAY = 86_400 * 1_000_000
_USUAL_DAYS = 14


class Moment(click.ParamType[Micros]):
    """A day or an RFC 3339 time."""

    name = "moment"

    def convert(self, value: str | Micros, param: click.Parameter | None, ctx: click.Context | None) -> Micros:
        """Microseconds since 1970; a day begins at midnight UTC."""
        if isinstance(value, int):
            return value
        try:
            return micros_of(f"{value}T00:00:00Z" if len(value) == 10 else value)
        except ValueError as error:
            self.fail(f"{error}, nor a day such as 2026-11-23", param, ctx)


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-o", "--output", type=click.File("wb"), default="-", help="Where the lines go.  [default: standard output]"
)
@click.option("--entities", default=200, show_default=True, type=click.IntRange(1, 10_000_000), help="How many lives.")
@click.option("--seed", default=1, show_default=True, help="Another seed, other lives.")
@click.option("--from", "since", type=Moment(), help="When the first may begin (a day, or an RFC 3339 time).")
@click.option("--until", type=Moment(), help="What would happen later is left out.  [default: today at 00:00 UTC]")
@click.option(
    "--days", type=click.FloatRange(0.01, 36_500), help="Instead of --from: so many days before.  [default: 30]"
)
@click.option("--late", default=0.0, show_default=True, type=click.FloatRange(0, 1), help="Share of events sent late.")
@click.option(
    "--mistakes",
    default=0.0,
    show_default=True,
    type=click.FloatRange(0, 1),
    help="Share of events sent in vain besides.",
)
@click.option("--prefix", help="What ids of entities begin with.  [default: the type]")
def simulate(
    file: Path,
    output: BinaryIO,
    entities: int,
    seed: int,
    since: Micros | None,
    until: Micros | None,
    days: float | None,
    late: float,
    mistakes: float,
    prefix: str | None,
) -> None:
    """Make up plausible, back-dated histories for the definition in FILE.

    Gives one command a line, as `POST /commands` takes them; all of them but the mistakes will be accepted. The same
    definition, options and seed give the same lines.
    """
    until = _midnight() if until is None else until
    if since is not None and days is not None:
        raise click.UsageError("--from and --days say the same thing; give one of them")
    since = until - int((days or 30) * _DAY) if since is None else since
    if since >= until:
        raise click.UsageError("--from must lie before --until")
    simulation = Simulation(machine_in(file), seed, pace_of(since, until))
    encode = msgspec.json.Encoder().encode_into
    buffer = bytearray()
    lines = histories(
        simulation, entities=entities, since=since, until=until, late=late, mistakes=mistakes, prefix=prefix
    )
    for line in lines:
        encode(line, buffer)
        output.write(buffer + b"\n")
    for event, detail in sorted(simulation.refused.items()):
        click.echo(f"{event}: could not be made up every time: {detail}", err=True)


def pace_of(since: Micros, until: Micros) -> float:
    """How fast lives go for most of them to end in the time there is; 1 for two weeks and more."""
    return min(1.0, (until - since) / (_USUAL_DAYS * _DAY))


def _midnight() -> Micros:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return int((today - datetime.fromtimestamp(0, UTC)) / timedelta(microseconds=1))
