"""`statewright replay`: a recorded log through the front door, and what was decided on every line."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO
from urllib.parse import urlsplit

import click
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

from statewright.cli.embedded import embedded
from statewright.cli.installation import CANNOT_OPEN, located
from statewright.cli.replaying import Rejected, Replay, Summary, Unreadable, Verdict, numbered, register
from statewright.cli.reports import errors_among, line_of
from statewright.cli.servers import ConnectionBroken, NeverReached, RemoteServer, Server
from statewright.cli.sources import Source, showing
from statewright.settings import Settings

_NAMED = 20
"""How many malformed lines are named; the rest are counted."""


@click.command()
@click.argument("log", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option(
    "--definition",
    "definitions",
    metavar="FILE…",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Register and activate this definition first; may be given several times.",
)
@click.option(
    "--server", metavar="URL", envvar="STATEWRIGHT_SERVER", help="Where to post to.  [default: an embedded one]"
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    help="Without --server: the folder of the embedded installation.  [default: one that is thrown away]",
)
@located
@click.option(
    "--decisions", type=click.File("w"), help="Write one letter for each line here, A (accepted) or R (refused)."
)
@click.option(
    "--allow-unprotected-personal-data",
    is_flag=True,
    envvar="STATEWRIGHT_ALLOW_UNPROTECTED_PERSONAL_DATA",
    help="Without --server: let definitions with personal fields be active.",
)
def replay(
    log: str,
    definitions: tuple[Path, ...],
    server: str | None,
    data: Path | None,
    store: str,
    database: str,
    decisions: TextIO | None,
    allow_unprotected_personal_data: bool,
) -> None:
    """Post every line of LOG through `POST /commands`, in order.

    LOG is NDJSON, plain or gzip, or - for standard input; a line is a command, or an event of a recorded log
    (entity_type, entity_id, event, occurred_at, actor, data). Of the same log sent again, nothing is recorded
    twice; refused lines may be decided again.

    Ends with 1 when a line was malformed; refused events are answers, and are counted.
    """
    if server is not None and urlsplit(server).scheme not in ("http", "https"):
        raise click.UsageError(f"{server!r} is no address of a server; write it as in http://127.0.0.1:8000")
    if server is not None and data is not None:
        raise click.UsageError("--server has its own data; leave out --data")
    summary = Summary()
    texts = [(str(file), file.read_bytes()) for file in definitions]
    with Source(log) as source, TemporaryDirectory(prefix="statewright-") as thrown_away:
        settings = Settings(
            data=data or Path(thrown_away),
            store=store,
            database=database,
            allow_unprotected_personal_data=allow_unprotected_personal_data,
        )
        try:
            asyncio.run(_replay(source, _name_of(log), texts, server, settings, summary, decisions))
        except (Rejected, *CANNOT_OPEN) as error:
            raise click.ClickException(str(error)) from None
        except NeverReached as error:
            raise click.ClickException(f"no server answers at {server} ({error}); is it running?") from None
        except (ConnectionBroken, Unreadable) as error:
            _show(summary)
            raise click.ClickException(f"{error}; start again to go on") from None
    _show(summary)
    sys.exit(1 if summary.refused["malformed"] else 0)


async def _replay(
    source: Source,
    named: tuple[str, str],
    definitions: list[tuple[str, bytes]],
    url: str | None,
    settings: Settings,
    summary: Summary,
    decisions: TextIO | None,
) -> None:
    async with _server(url, settings) as server:
        for file, text in definitions:
            try:
                await _register(server, file, text)
            except ConnectionBroken as error:
                raise NeverReached(str(error)) from error
        name, id = named
        columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[lines]:,} lines"), TimeRemainingColumn())
        with showing(TextColumn("{task.description}"), *columns) as progress:
            task = progress.add_task(name, total=source.size, lines=0)

            def decided(verdict: Verdict) -> None:
                summary.add(verdict)
                if decisions is not None:
                    decisions.write("A" if verdict.accepted else "R")
                if verdict.code == "malformed" and summary.refused["malformed"] <= _NAMED:
                    progress.console.print(
                        f"{name}:{verdict.number}: malformed: {verdict.detail}", markup=False, soft_wrap=True
                    )
                if verdict.number % 1_000 == 0:
                    progress.update(task, completed=source.read, lines=verdict.number)

            def waiting(why: str) -> None:
                why = f"connection lost ({why}); going on from the first line without an answer"
                progress.console.print(why, markup=False, soft_wrap=True)

            await Replay(server, numbered(source.lines()), id, decided).run(waiting)
            progress.update(task, completed=source.size)


async def _register(server: Server, name: str, text: bytes) -> None:
    try:
        await register(server, text, name)
    except Rejected as error:
        for problem in errors_among(error.problems):
            click.echo(line_of(name, problem), err=True)
        raise


@asynccontextmanager
async def _server(url: str | None, settings: Settings) -> AsyncIterator[Server]:
    async with AsyncExitStack() as stack:
        if url is not None:
            yield await stack.enter_async_context(RemoteServer(url))
        else:
            yield await stack.enter_async_context(embedded(settings))


def _show(summary: Summary) -> None:
    refused = summary.refused.total()
    repeated = f" ({summary.repeated:,} of them were there before)" if summary.repeated else ""
    click.echo(f"{summary.accepted + refused:,} lines: {summary.accepted:,} accepted{repeated}, {refused:,} refused")
    for code, number in summary.refused.most_common():
        click.echo(f"  {number:>10,}  {code}")


def _name_of(log: str) -> tuple[str, str]:
    """What a log is called, and an id that is the same whenever the same file is read.

    Standard input cannot be read twice and gets an id of its own each time.
    """
    if log == "-":
        return "standard input", f"replay:{secrets.token_hex(8)}"
    with Path(log).open("rb") as file:
        return Path(log).name, f"replay:{hashlib.file_digest(file, 'sha256').hexdigest()[:16]}"
