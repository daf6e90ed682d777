"""The power goes: what was not synced is lost, in part or whole; what was acknowledged is there."""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from statewright.stores.sqlite import SqliteStore
from statewright.stores.words import Ref
from statewright.testkit.store.writing import command, head_of, move, record, whole_log

CUTS = int(os.environ.get("STATEWRIGHT_POWER_CUTS", "20"))
SECTOR = 512


class Power(apsw.VFS):
    """A disk with a cache: writes reach the medium at a sync, or by chance; when the power goes, the rest is lost.

    Keeps, for every file of the log, the bytes that are on the medium beside those that a process sees.
    """

    def __init__(self) -> None:
        super().__init__("power", "unix", makedefault=True)
        self.lies = False
        self.medium: dict[str, bytearray] = {}
        self.pending: dict[str, list[tuple[int, bytes]]] = {}

    def xOpen(self, name, flags):  # noqa: N802  # SQLite's names
        return _File(self, name, flags)

    def xDelete(self, filename, syncdir):  # noqa: N802
        super().xDelete(filename, syncdir)
        self.medium.pop(filename, None)
        self.pending.pop(filename, None)

    def sync(self, name: str) -> None:
        if self.lies:
            return
        for offset, data in self.pending.pop(name, []):
            self._put(name, offset, data)

    def _put(self, name: str, offset: int, data: bytes) -> None:
        medium = self.medium.setdefault(name, bytearray())
        if len(medium) < offset:
            medium.extend(bytes(offset - len(medium)))
        medium[offset : offset + len(data)] = data

    def goes(self, chosen: random.Random, folder: Path) -> None:
        """Leave in `folder` what is on the medium now: of what was not synced, sectors by chance and in any order."""
        for name, writes in self.pending.items():
            for offset, data in chosen.sample(writes, len(writes)):
                for at in range(0, len(data), SECTOR):
                    if chosen.random() < 0.5:
                        self._put(name, offset + at, data[at : at + SECTOR])
        for name, medium in self.medium.items():
            (folder / Path(name).name).write_bytes(medium)


class _File(apsw.VFSFile):
    def __init__(self, power: Power, name, flags) -> None:
        super().__init__("unix", name, flags)
        self._power = power
        self._name = name.filename() if isinstance(name, apsw.URIFilename) else str(name)

    def xWrite(self, data, offset):  # noqa: N802
        super().xWrite(data, offset)
        self._power.pending.setdefault(self._name, []).append((offset, bytes(data)))

    def xTruncate(self, size):  # noqa: N802
        super().xTruncate(size)
        medium = self._power.medium.get(self._name)
        if medium is not None:
            del medium[size:]
        kept = [(at, data) for at, data in self._power.pending.get(self._name, []) if at < size]
        self._power.pending[self._name] = kept

    def xSync(self, flags):  # noqa: N802
        super().xSync(flags)
        self._power.sync(self._name)


@pytest.fixture
def power() -> Iterator[Power]:
    power = Power()
    yield power
    apsw.set_default_vfs("unix")
    apsw.unregister_vfs("power")


async def _recorded(store: SqliteStore, chosen: random.Random, groups: int) -> list[str]:
    """Append groups of a few commands; the names of those that were acknowledged."""
    acknowledged = []
    for number in range(groups):
        refs = [Ref("order", str(chosen.randrange(6))) for _ in range(chosen.randrange(1, 4))]
        refs = list(dict.fromkeys(refs))
        asked = [
            command(f"c-{number}-{ref.id}", move(ref, await head_of(store, ref), changes={"n": "x" * 300}))
            for ref in refs
        ]
        await record(store, *asked)
        acknowledged += [one.command for one in asked]
    return acknowledged


async def _after_a_cut(power: Power, folder: Path, seed: int) -> tuple[list[str], list[str]]:
    """What was acknowledged when the power went, and what the log then holds."""
    chosen = random.Random(seed)
    before, after = folder / f"before-{seed}", folder / f"after-{seed}"
    before.mkdir()
    after.mkdir()
    power.medium.clear()
    power.pending.clear()
    store = SqliteStore.open(before / "log.sqlite")
    acknowledged = await _recorded(store, chosen, chosen.randrange(1, 25))
    if chosen.random() < 0.5:  # a commit under way
        store._writer.execute("begin immediate")
        store._writer.execute("update transition set record = 'torn' where position = 1")
    power.goes(chosen, after)
    if store._writer.in_transaction:
        store._writer.execute("rollback")
    await store.close()
    shutil.rmtree(before)
    again = SqliteStore.open(after / "log.sqlite")
    try:
        lines = await whole_log(again)
        for ref in {Ref(line.type, line.entity) for line in lines}:
            head = await head_of(again, ref)
            assert head is not None
            assert head.version == sum(line.entity == ref.id for line in lines)
        return acknowledged, [line.command for line in lines]
    finally:
        await again.close()


async def test_what_was_acknowledged_is_there_after_a_power_cut(power: Power, tmp_path: Path):
    for seed in range(CUTS):
        acknowledged, found = await _after_a_cut(power, tmp_path, seed)

        assert found == acknowledged, f"seed {seed}"


async def test_a_disk_that_lies_about_its_syncs_loses_what_was_acknowledged(power: Power, tmp_path: Path):
    """Else the test above proves nothing."""
    power.lies = True
    lost = 0
    for seed in range(5):
        try:
            acknowledged, found = await _after_a_cut(power, tmp_path, seed)
        except Exception:
            lost += 1  # not even a database is left
        else:
            lost += found != acknowledged

    assert lost
