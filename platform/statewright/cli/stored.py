"""The log of an installation at hand for a command that reads or moves it, without a server."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import click

from statewright.settings import Settings
from statewright.stores.sqlite import SqliteStore
from statewright.stores.words import EventStore, StoreUnavailable


def keeping_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say where an installation keeps its log, as the argument `settings`."""

    @functools.wraps(command)
    def with_settings(data: Path, seals: str, **options: Any) -> None:
        command(settings=Settings(data=data, seals=seals), **options)

    for option in (
        click.option(
            "--seals",
            default="",
            envvar="STATEWRIGHT_SEALS",
            show_envvar=True,
            metavar="FOLDER",
            help="Where the seals lie.  [default: seals/ in the data folder]",
        ),
        click.option(
            "--data",
            default="statewright-data",
            show_default=True,
            envvar="STATEWRIGHT_DATA",
            show_envvar=True,
            type=click.Path(file_okay=False, path_type=Path),
            help="The installation's folder.",
        ),
    ):
        with_settings = option(with_settings)
    return with_settings


@asynccontextmanager
async def at_hand(settings: Settings, *, writing: bool = False) -> AsyncGenerator[EventStore, None]:
    """The installation's log, open; made when `writing` and not there. Raises StoreUnavailable with what to do."""
    if not writing and not settings.log.exists():
        raise StoreUnavailable(f"there is no log at {settings.log}; name the installation's folder with --data")
    store = SqliteStore.open(settings.log, read_only=not writing)
    try:
        yield store
    finally:
        await store.close()
