"""`statewright backup` and `statewright restore`."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from statewright.catalog import Catalog
from statewright.cli.stored import CANNOT, at_hand, keeping_options
from statewright.keeping.backups import CannotBackUp, CannotRestore, back_up, finish, restore
from statewright.keeping.copying import CopyFailed
from statewright.keeping.seals import Seals
from statewright.keeping.verifying import Report, Verification
from statewright.machine.moments import text_of
from statewright.settings import Settings


@click.command("backup")
@click.argument("target", type=click.Path(file_okay=False, path_type=Path))
@keeping_options
def back_up_now(target: Path, settings: Settings) -> None:
    """Copy log, catalogue and seals into the new folder TARGET, while a server may be running.

    Keys are not in it: keep them elsewhere. A log that lies in another engine is backed up by that engine's own means.
    """
    try:
        backup = back_up(settings, target, lambda what: click.echo(f"copying {what} …", err=True))
    except (CannotBackUp, CopyFailed, OSError) as error:
        raise click.ClickException(str(error)) from None
    size = sum(file.bytes for file in backup.files.values())
    click.echo(f"{target}: {len(backup.files)} files, {size:,} bytes, as of {text_of(backup.made_at)}")


@click.command("restore")
@click.argument("backup", type=click.Path(exists=True, file_okay=False, path_type=Path))
@keeping_options
@click.option(
    "--unverified",
    is_flag=True,
    help="Do not read the log through; its files are compared with their checksums.",
)
def restore_backup(backup: Path, settings: Settings, unverified: bool) -> None:
    """Put the backup in the folder BACKUP into a data folder that is empty or not there, and verify it."""
    try:
        restored = restore(backup, settings, lambda what: click.echo(f"checking {what} …", err=True))
        report = None if unverified else asyncio.run(_verified(settings))
    except (CannotRestore, OSError, *CANNOT) as error:
        raise click.ClickException(str(error)) from None
    if report is not None and not report.sound:
        for finding in report.findings:
            click.echo(str(finding), err=True)
        raise click.ClickException(
            "what was restored is not what was written; no server starts on it. Restore another backup into another"
            " folder, or look into this one with `statewright verify`"
        )
    finish(settings.data)
    said = f"{report.transitions:,} transitions, " if report else ""
    click.echo(f"{settings.data}: {said}as of {text_of(restored.made_at)}")


async def _verified(settings: Settings) -> Report:
    async with at_hand(settings) as store:
        catalog = Catalog.open(settings.catalog_url)
        try:
            return await Verification(store, Seals(settings.seals_folder, store.log_id), catalog).run()
        finally:
            catalog.close()
