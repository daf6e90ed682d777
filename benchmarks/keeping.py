"""Keeping a long log: sealing, verifying, exporting and importing, beside a bare scan of the same JSON."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import uvloop

from benchmarks.report import Row, compared
from benchmarks.stopwatch import Stopwatch
from statewright.catalog import Catalog
from statewright.keeping.exporting import ToFile, export
from statewright.keeping.importing import Import
from statewright.keeping.keys import SealKey
from statewright.keeping.sealing import Sealing
from statewright.keeping.seals import ENTRY, Seals, SealWriter
from statewright.keeping.verifying import Verification
from statewright.settings import Settings
from statewright.stores.sqlite import SqliteStore

Scan = Callable[[list[float]], int]
"""Scans the bare log once and notes the rate; how many rows there were."""


def measure(data: Path, rounds: int, scan: Scan) -> list[Row]:
    """The rates of all four, each against the bare scan of its round."""
    rates: dict[str, list[float]] = {"sealed": [], "verified": [], "exported": [], "imported": []}
    floor: list[float] = []
    for _ in range(rounds):
        transitions = scan(floor)
        with_work = data.parent / "keeping"
        shutil.rmtree(with_work, ignore_errors=True)
        with_work.mkdir()
        for name, work in _works(Settings(data=data), with_work).items():
            with Stopwatch() as watch:
                uvloop.run(work())
            rates[name].append(transitions / watch.seconds)
        shutil.rmtree(with_work)
    rows = [compared("keeping", name, rates[name], floor, "raw scan, not decoded") for name in rates]
    return [*rows, Row(part="keeping", what="entries of seals", ours=ENTRY, unit="B/transition")]


def _works(settings: Settings, folder: Path) -> dict[str, Callable[[], Awaitable[None]]]:
    """Each of the four on the log of `settings`, with what it writes in `folder`."""
    file, seals = folder / "log.ndjson", folder / "seals"

    async def seal() -> None:
        store = SqliteStore.open(settings.log, read_only=True)
        writer = SealWriter(seals, store.log_id, SealKey.made_at(folder / "key.pem"))
        await Sealing(store, writer).seal()
        writer.close()
        await store.close()

    async def verify() -> None:
        store, catalog = SqliteStore.open(settings.log, read_only=True), Catalog.open(settings.catalog_url)
        report = await Verification(store, Seals(seals, store.log_id), catalog).run()
        if not report.sound or report.sealed != report.transitions:
            raise RuntimeError(f"the log is not sound: {report.findings[:3]}")
        catalog.close()
        await store.close()

    async def write() -> None:
        store, catalog = SqliteStore.open(settings.log, read_only=True), Catalog.open(settings.catalog_url)
        await export(store, catalog.moving.types, ToFile(file))
        catalog.close()
        await store.close()

    async def read() -> None:
        other = Settings(data=folder / "other")
        other.data.mkdir()
        store, catalog = SqliteStore.open(other.log), Catalog.open(other.catalog_url)
        with file.open("rb") as lines:
            await Import(store, catalog.moving).run(lines)
        catalog.close()
        await store.close()

    return {"sealed": seal, "verified": verify, "exported": write, "imported": read}
