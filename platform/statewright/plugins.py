"""Plugins, found by entry point when a setting names one.

A store is an installed package with an entry point in the group `statewright.stores`: its name is a URL's scheme, and
it loads an `OpenStore`. The log in SQLite is built in, for installations whose settings say nothing else.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import cast
from urllib.parse import urlsplit

from statewright.settings import BadSetting, Settings
from statewright.stores.sqlite import SqliteStore
from statewright.stores.words import EventStore, OpenStore

STORES = "statewright.stores"
"""The group of entry points in which stores are found."""

_OURS = {
    "postgresql": "statewright-postgres",
    "postgres": "statewright-postgres",
    "nats": "statewright-nats",
    "tls": "statewright-nats",
}
"""The packages of this project that bring a store, by the schemes of their URLs."""


async def open_log(settings: Settings, *, read_only: bool = False) -> EventStore:
    """The log of an installation, wherever its settings keep it; with `read_only`, for a process that never appends.

    Raises BadSetting for a URL that no installed package opens, StoreRefused and StoreUnavailable as the store says.
    """
    if not settings.store:
        return SqliteStore.open(settings.log, read_only=read_only)
    return await _opener_of(settings.store)(settings.store, data=settings.data.absolute(), read_only=read_only)


def _opener_of(url: str) -> OpenStore:
    scheme = urlsplit(url).scheme
    if not scheme:
        raise BadSetting("`store` is no URL of a log; write it as in postgresql://HOST/DATABASE, or leave it empty")
    found = next(iter(entry_points(group=STORES, name=scheme)), None)
    if found is None:
        raise BadSetting(f"no package that is installed keeps a log at {scheme}://…; {_remedy(scheme)}")
    return _loaded(found)


def _loaded(found: EntryPoint) -> OpenStore:
    try:
        return cast(OpenStore, found.load())
    except ImportError as error:
        package = found.dist.name if found.dist is not None else _OURS.get(found.name, found.value)
        raise BadSetting(f"{package} is installed but cannot be loaded: {error}; install it again") from error


def _remedy(scheme: str) -> str:
    if scheme in _OURS:
        return f"install one that does: pip install {_OURS[scheme]}"
    known = sorted({*_OURS, *(entry.name for entry in entry_points(group=STORES))})
    return f"use one of {', '.join(f'{name}://' for name in known)}, or leave `store` empty for a log in the folder"
