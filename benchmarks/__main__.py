"""`python -m benchmarks`: measure, print a table of ratios, and keep the figures in benchmarks/out."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console

from benchmarks import appending, bombs, guards, jetstream, machines, pages, postgres, posting, reading, report

OUT = Path(__file__).parent / "out"
BUSY = 0.5
PARTS = (
    "machines",
    "bombs",
    "guards",
    "single",
    "batch",
    "append",
    "nats",
    "postgres",
    "catchup",
    "rebuild",
    "backtest",
    "keeping",
    "page",
    "memory",
    "pages",
)


def parts_of(context: click.Context, parameter: click.Parameter, text: str) -> list[str]:
    """The parts named, in the order in which they run."""
    named = {each.strip() for each in text.split(",")}
    if unknown := named - set(PARTS):
        raise click.BadParameter(f"there is no part {', '.join(sorted(unknown))}; choose from {', '.join(PARTS)}")
    return [part for part in PARTS if part in named]


@click.command()
@click.option("--only", default=",".join(PARTS), callback=parts_of, help="The parts to run, divided by commas.")
@click.option("--quick", is_flag=True, help="Shorter rounds and a log of 200,000 transitions instead of 1,000,000.")
@click.option("--rounds", type=int, help="How often subject and floor take turns.")
def main(only: list[str], quick: bool, rounds: int | None) -> None:
    """Measure Statewright against floors taken in the same run."""
    rounds = rounds or (2 if quick else 5)
    seconds = 1.5 if quick else 3.0
    console = Console() if sys.stdout.isatty() else Console(width=report.WIDTH)
    rows: list[report.Row] = []
    load = os.getloadavg()[0]
    if load > BUSY:
        console.print(f"[yellow]This machine is busy (load {load:.1f}); what shares it is measured too.[/]")
    OUT.mkdir(exist_ok=True)
    # Beside the checkout and not in the system's folder for temporary files, which may be memory, where fsync is free.
    with tempfile.TemporaryDirectory(dir=OUT, prefix="data-") as folder:
        work: dict[str, Callable[[], list[report.Row]]] = {
            "machines": lambda: machines.measure(rounds, seconds),
            "bombs": bombs.measure,
            "single": lambda: posting.single(Path(folder), rounds, seconds),
            "batch": lambda: posting.batches(Path(folder), rounds, seconds),
            "append": lambda: appending.measure(Path(folder), rounds),
            "nats": lambda: jetstream.measure(Path(folder), rounds),
            "postgres": lambda: postgres.measure(Path(folder), rounds, seconds, 200_000 if quick else 1_000_000),
            "guards": lambda: guards.measure(rounds),
            "pages": lambda: pages.measure(Path(folder), 200_000 if quick else 1_000_000),
        }
        for part in only:
            if part in work:
                with console.status(f"measuring {part} …"):
                    rows += work[part]()
        reads = [part for part in only if part not in work]
        if reads:
            with console.status(f"measuring {', '.join(reads)} …"):
                rows += reading.measure(Path(folder), reads, 200_000 if quick else 1_000_000, rounds)
    report.show(rows, console)
    console.print(f"kept in {report.save(rows, OUT, quick, load)}")


if __name__ == "__main__":
    main()
