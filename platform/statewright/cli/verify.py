"""`statewright verify`: whether the log is what was written, and everything made of it what the log says."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import click
import msgspec
from rich.progress import TextColumn

from statewright.catalog import Catalog
from statewright.cli.reports import count_of
from statewright.cli.sources import showing
from statewright.cli.stored import CANNOT, at_hand, keeping_options
from statewright.consolidators import Registered
from statewright.keeping.findings import Finding, Findings
from statewright.keeping.keys import BadKey, PublicKey
from statewright.keeping.seals import Seals
from statewright.keeping.verifying import Report, Verification
from statewright.keeping.viewing import Viewing
from statewright.machine.moments import text_of
from statewright.settings import Settings


@click.command()
@keeping_options
@click.option("--deep", is_flag=True, help="Decide every transition again, and build every view anew, and compare.")
@click.option(
    "--trust",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The public key that all seals must be signed by.  [default: any whose .pub lies beside the seals]",
)
@click.option("--require-seals", is_flag=True, help="Find fault with a log, or an end of one, that is not sealed.")
@click.option(
    "--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True, help="How to report."
)
def verify(settings: Settings, deep: bool, trust: Path | None, require_seals: bool, form: str) -> None:
    """Check the log to the position: changed, removed, put in, moved, cut off, damaged.

    A server may be running meanwhile. Ends with 0 when all is as it should be, with 1 when something was found, or when
    the log cannot be read at all.
    """
    try:
        trusted = PublicKey.read(trust) if trust else None
        report = asyncio.run(_verify(settings, deep, trusted, require_seals, told=form == "text"))
    except (BadKey, *CANNOT) as error:
        raise click.ClickException(str(error)) from None
    if form == "json":
        click.echo(msgspec.json.format(msgspec.json.encode({**msgspec.to_builtins(report), "sound": report.sound})))
    else:
        _say(report)
    sys.exit(0 if report.sound else 1)


async def _verify(settings: Settings, deep: bool, trusted: PublicKey | None, require_seals: bool, told: bool) -> Report:
    def found(finding: Finding) -> None:
        if told:
            progress.console.print(str(finding), markup=False, soft_wrap=True, highlight=False)

    async with at_hand(settings) as store:
        catalog = Catalog.open(settings.catalog_url)
        definitions = Registered(settings.catalog_url)
        try:
            with showing(TextColumn("{task.description}"), TextColumn("{task.fields[seen]:,} transitions")) as progress:
                task = progress.add_task("verifying", seen=0)
                findings = Findings(found)
                seals = Seals(settings.seals_folder, store.log_id)
                verification = Verification(
                    store,
                    seals,
                    catalog,
                    trusted=trusted,
                    deep=deep,
                    findings=findings,
                    progress=lambda seen: progress.update(task, seen=seen),
                )
                report = await verification.run()
                if deep:
                    viewing = Viewing(store, settings.views_url, definitions, findings, report.notes.append)
                    await viewing.run()
                    report.rows = viewing.rows
                if require_seals and report.sealed < report.transitions:
                    rest = count_of(report.transitions - report.sealed, "transition")
                    findings.add(Finding(check="seal", sentence=f"{rest} at the end of the log are not sealed"))
                report.findings = findings.listed
                report.counts = {str(check): count for check, count in findings.counts.items()}
                return report
        finally:
            definitions.close()
            catalog.close()


def _say(report: Report) -> None:
    counted = f"{report.transitions:,} transitions of {report.entities:,} entities"
    if report.seals:
        sealed = f"{report.sealed:,} of them under {report.seals:,} seals, the last of {text_of(report.sealed_at)}"
    else:
        sealed = "none of them sealed"
    click.echo(f"{counted}, {sealed}")
    if report.deep:
        apart = f" ({report.undecidable:,} cannot be)" if report.undecidable else ""
        click.echo(f"{report.again:,} decisions were made again{apart}; {report.rows:,} rows of views were compared")
    for note in report.notes:
        click.echo(f"note: {note}")
    if report.sound:
        click.echo("Everything is as it was written.")
        return
    counts = ", ".join(f"{count:,} × {check}" for check, count in report.counts.items())
    listed = len(report.findings)
    total = sum(report.counts.values())
    click.echo(f"Found: {counts}" + (f" (the first {listed} are listed)" if listed < total else ""))
