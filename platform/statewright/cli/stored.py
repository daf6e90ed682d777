"""The log of an installation at hand for a command that reads or moves it, without a server."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import click

from statewright.folder import FolderInUse
from statewright.plugins import open_log
from statewright.settings import BadSetting, Settings
from statewright.stores.words import EventStore, LogDamaged, StoreRefused, StoreUnavailable

CANNOT = (BadSetting, FolderInUse, LogDamaged, StoreRefused, StoreUnavailable)
"""Why a log cannot be had; each says in a sentence what to do."""


def keeping_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options that say where an installation keeps its log, as the argument `settings`."""

    @functools.wraps(command)
    def with_settings(data: Path, store: str, database: str, seals: str, **options: Any) -> None:
        command(settings=Settings(data=data, store=store, database=database, seals=seals), **options)

    for option in reversed(_options()):
        with_settings = option(with_settings)
    return with_settings


def _options() -> list[Callable[[Callable[..., None]], Callable[..., None]]]:
    folder = click.Path(file_okay=False, path_type=Path)
    return [
        _option("--data", default="statewright-data", type=folder, show_default=True, help="Its folder."),
        _option("--store", default="", metavar="URL", help="Where the log is kept, if not in the folder."),
        _option("--database", default="", metavar="URL", help="Where catalogue and views are, if not in the folder."),
        _option(
            "--seals", default="", metavar="FOLDER", help="Where the seals lie.  [default: seals/ in the data folder]"
        ),
    ]


def _option(name: str, **more: Any) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(name, envvar=f"STATEWRIGHT_{name.removeprefix('--').upper()}", show_envvar=True, **more)


@asynccontextmanager
async def at_hand(settings: Settings, *, writing: bool = False) -> AsyncGenerator[EventStore, None]:
    """The installation's log, open; made when `writing` and not there. Raises one of CANNOT, with what to do."""
    if not writing and not settings.store and not settings.log.exists():
        raise StoreUnavailable(f"there is no log at {settings.log}; name the installation's folder with --data")
    store = await open_log(settings, read_only=not writing)
    try:
        yield store
    finally:
        await store.close()
