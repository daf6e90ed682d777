"""`statewright export` and `statewright import`: a log on its way to another folder, machine or engine."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterator
from pathlib import Path

import click
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn

from statewright.catalog import Catalog
from statewright.cli.reports import count_of
from statewright.cli.sources import Source, showing
from statewright.cli.stored import CANNOT, at_hand, keeping_options
from statewright.folder import IMPORTING, FolderInUse, FolderLock
from statewright.keeping.exporting import CannotExport, Standing, ToFile, ToStandardOutput, export
from statewright.keeping.importing import CannotImport, Import, Imported
from statewright.settings import Settings
from statewright.stores.words import START, BadPlace, StoreFailed, StoreUncertain

_UNREADABLE = (OSError, EOFError, zlib.error)
_COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    TextColumn("{task.percentage:>3.0f} %"),
    TimeRemainingColumn(),
)


@click.command("export")
@keeping_options
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="A new file; .gz at the end of its name packs it.  [default: standard output]",
)
@click.option("--from", "after", default=START, metavar="PLACE", help="Leave out what stands up to this place.")
@click.option("--to", "upto", metavar="PLACE", help="Leave out what is behind this place.  [default: the log's end]")
def export_log(settings: Settings, output: Path | None, after: str, upto: str | None) -> None:
    """Write the log, and every definition it needs, as NDJSON that `import` reads into any engine.

    A server may be running meanwhile; what is recorded after the beginning is left out. An export into a file that was
    interrupted goes on when the same command is given again.
    """
    try:
        standing = asyncio.run(_export(settings, output, after, upto))
    except (CannotExport, BadPlace, *CANNOT) as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error}; give the same command again to go on") from None
    click.echo(f"{standing.transitions:,} transitions, up to {standing.upto}", err=True)


async def _export(settings: Settings, output: Path | None, after: str, upto: str | None) -> Standing:
    target = ToFile(output) if output else ToStandardOutput()
    async with at_hand(settings) as store:
        catalog = Catalog.open(settings.catalog_url)
        try:
            place = upto or await store.latest_place()
            with showing(*_COLUMNS) as progress:
                total = int(place) - int(after) if place.isdigit() and after.isdigit() else None
                task = progress.add_task("exporting", total=total)
                return await export(
                    store,
                    catalog.moving.types,
                    target,
                    after=after,
                    upto=upto,
                    progress=lambda written: progress.update(task, completed=written),
                )
        finally:
            catalog.close()


@click.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@keeping_options
def import_log(file: str, settings: Settings) -> None:
    """Read an export (FILE, plain or gzip, or - for standard input) into an installation that nobody runs.

    Every transition keeps its version, its times and its command. What stands there already is passed over, so an
    import that was interrupted goes on when it is started again; until it came to its end, no server starts on the
    folder. No timer fires meanwhile: those that are due fire when the server starts.
    """
    try:
        lock = FolderLock(settings.data, "import")
    except FolderInUse as error:
        raise click.ClickException(str(error)) from None
    try:
        imported = asyncio.run(_import(settings, file))
    except (CannotImport, StoreUncertain, StoreFailed, *CANNOT) as error:
        raise click.ClickException(str(error)) from None
    finally:
        lock.release()
    there = f", {imported.there_before:,} of them were there before" if imported.there_before else ""
    revisions = count_of(imported.definitions, "revision")
    click.echo(f"{imported.transitions:,} transitions{there}, {revisions} of definitions", err=True)


def _note(unfinished: Path, file: str) -> None:
    if not unfinished.exists():
        unfinished.write_text(f"{file}\n", encoding="utf-8")


async def _import(settings: Settings, file: str) -> Imported:
    unfinished = settings.data / IMPORTING
    with Source(file) as source:
        async with at_hand(settings, writing=True) as store:
            catalog = Catalog.open(settings.catalog_url)
            try:
                with showing(*_COLUMNS) as progress:
                    task = progress.add_task("importing", total=source.size)
                    importing = Import(
                        store,
                        catalog.moving,
                        progress=lambda _: progress.update(task, completed=source.read),
                        begin=lambda: _note(unfinished, file),
                    )
                    was_unfinished = unfinished.exists()
                    try:
                        imported = await importing.run(_as_far_as_it_goes(source.lines()))
                    except BaseException:
                        if not importing.changed and not was_unfinished:
                            unfinished.unlink(missing_ok=True)  # what stands there stands as it did
                        raise
                    unfinished.unlink(missing_ok=True)
                    return imported
            finally:
                catalog.close()


def _as_far_as_it_goes(lines: Iterator[bytes]) -> Iterator[bytes]:
    """The lines of a file up to where it breaks off: that its last line is missing then says so."""
    while True:
        try:
            line = next(lines, None)
        except _UNREADABLE:
            return
        if line is None:
            return
        yield line
