"""A small installation with a few lives in it, and the ways in which somebody may tamper with its log."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import apsw

from statewright.catalog import Catalog
from statewright.commands import Committer, Done, SendEvent, digest_of
from statewright.keeping.findings import Finding
from statewright.keeping.keys import SealKey
from statewright.keeping.sealing import Sealing
from statewright.keeping.seals import Seals, SealWriter
from statewright.keeping.verifying import Report, Verification
from statewright.settings import Settings
from statewright.stores.sqlite import SqliteStore
from statewright.stores.words import Ref
from tests.acceptance.lamp import LAMP

EVENTS = 40


async def switched(settings: Settings, times: int = EVENTS, named: str = "c", lamps: int = 4) -> None:
    """Send so many events to a few lamps, as a server would."""
    settings.data.mkdir(parents=True, exist_ok=True)
    async with opened(settings) as (store, catalog):
        catalog.register(LAMP, activate=True)
        committer = Committer(store, catalog)
        for number in range(times):
            send = SendEvent(
                Ref("lamp", str(number % lamps)), "SWITCH", command=f"{named}-{number}", data={"n": number}
            )
            send.digest = digest_of(send)
            assert isinstance(await committer.send(send), Done)
        await committer.close()


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[tuple[SqliteStore, Catalog]]:
    """The log and the catalogue of an installation."""
    store, catalog = SqliteStore.open(settings.log), Catalog.open(settings.catalog_url)
    try:
        yield store, catalog
    finally:
        catalog.close()
        await store.close()


async def sealed(settings: Settings, at_once: int = 10) -> int:
    """Seal what is there, in seals of so many transitions; how many were sealed."""
    async with opened(settings) as (store, _):
        writer = SealWriter(settings.seals_folder, store.log_id, SealKey.made_at(settings.seal_key_file))
        try:
            return await Sealing(store, writer, at_once=at_once).seal()
        finally:
            writer.close()


async def verified(settings: Settings, **more: Any) -> Report:
    """What a verification comes to."""
    async with opened(settings) as (store, catalog):
        return await Verification(store, Seals(settings.seals_folder, store.log_id), catalog, **more).run()


def tampered(settings: Settings, *statements: str) -> None:
    """Change the log behind everybody's back."""
    with contextlib.closing(apsw.Connection(str(settings.log))) as connection:
        for statement in statements:
            connection.execute(statement)


def where(findings: Sequence[Finding], check: str = "seal") -> list[tuple[int, int, str]]:
    """Where a check found something, and the words before the first comma or colon of what it says."""
    return [(one.position, one.last, one.sentence) for one in findings if one.check == check]


def installation(folder: Path) -> Settings:
    """Settings of an installation in a folder."""
    return Settings(data=folder)
