"""What the SQLite log says when the disk fails it: what is known, and no more."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest

from statewright.stores.sqlite import SqliteStore
from statewright.stores.words import LogDamaged, Recorded, Ref, StoreFailed, StoreUnavailable, StoreUncertain
from statewright.testkit.store.writing import ORDER, PARCEL, bytes_of, command, head_of, move, standing, turn, whole_log


class Disk(apsw.VFS):
    """The machine's disk, which fails as it is told to: at a `sync` or `write` of the WAL, or at any `read`."""

    def __init__(self) -> None:
        super().__init__("failing", "unix", makedefault=True)
        self.fault: tuple[str, type[apsw.Error], int] | None = None
        self.after = 0

    def fails(self, at: str, error: type[apsw.Error], code: int, after: int = 0) -> None:
        """From now on, after `after` times that go well."""
        self.fault, self.after = (at, error, code), after

    def recovers(self) -> None:
        self.fault = None

    def xOpen(self, name, flags):  # noqa: N802  # SQLite's names
        return _File(self, name, flags)

    def touch(self, what: str) -> None:
        if self.fault is None or self.fault[0] != what or threading.current_thread().name == "wal-checkpoints":
            return  # the checkpoints go their own way, and may begin at any moment
        if self.after > 0:
            self.after -= 1
            return
        error = self.fault[1](f"the disk failed at a {what}")
        error.extendedresult = self.fault[2]
        raise error


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name, flags) -> None:
        super().__init__("unix", name, flags)
        self._disk = disk
        self._wal = bool(flags[0] & apsw.SQLITE_OPEN_WAL)

    def xSync(self, flags):  # noqa: N802
        if self._wal:
            self._disk.touch("sync")
        return super().xSync(flags)

    def xWrite(self, data, offset):  # noqa: N802
        if self._wal:
            self._disk.touch("write")
        return super().xWrite(data, offset)

    def xRead(self, amount, offset):  # noqa: N802
        self._disk.touch("read")
        return super().xRead(amount, offset)


@pytest.fixture
def disk() -> Iterator[Disk]:
    disk = Disk()
    yield disk
    apsw.set_default_vfs("unix")
    apsw.unregister_vfs("failing")


@pytest.fixture
async def store(disk: Disk, tmp_path: Path):
    store = SqliteStore.open(tmp_path / "log.sqlite")
    yield store
    disk.recovers()
    await store.close()


async def test_a_full_disk_means_that_nothing_was_recorded(store: SqliteStore, disk: Disk):
    head = await turn(store, ORDER, 2)
    disk.fails("write", apsw.FullError, apsw.SQLITE_FULL)
    with pytest.raises(StoreUnavailable, match="nothing was recorded"):
        await store.append([command("c-1", move(ORDER, head), move(PARCEL, None))])
    disk.recovers()

    assert [line.command for line in await whole_log(store)] == ["turn-1", "turn-2"]
    assert await head_of(store, PARCEL) is None
    (outcome,) = await store.append([command("c-1", move(ORDER, head), move(PARCEL, None))])
    assert isinstance(outcome, Recorded)


@pytest.mark.parametrize("frames_written", [0, 1, 2, 3])
async def test_a_write_that_fails_within_a_commit_leaves_it_uncertain_and_can_be_asked_about(
    store: SqliteStore, disk: Disk, frames_written: int
):
    head = await turn(store, ORDER, 2)
    disk.fails("write", apsw.IOError, apsw.SQLITE_IOERR_WRITE, after=frames_written)
    asked = [command("c-1", move(ORDER, head), move(PARCEL, None))]
    with pytest.raises((StoreUncertain, StoreUnavailable)):
        await store.append(asked)
    disk.recovers()

    made = await store.find_command(ORDER, "c-1")
    assert len(made) in (0, 2)
    if not made:
        (outcome,) = await store.append([command("c-1", move(ORDER, head), move(PARCEL, None))])
        assert isinstance(outcome, Recorded)
    assert [line.command for line in await whole_log(store)] == ["turn-1", "turn-2", "c-1", "c-1"]
    assert [line.version for line in await store.read_entity(ORDER)] == [1, 2, 3]


async def test_a_failed_fsync_is_the_end_of_trust(store: SqliteStore, disk: Disk):
    head = await turn(store, ORDER, 1)
    disk.fails("sync", apsw.IOError, apsw.SQLITE_IOERR_FSYNC)

    with pytest.raises(StoreFailed, match="start again"):
        await store.append([command("c-1", move(ORDER, head))])
    disk.recovers()
    with pytest.raises(StoreFailed, match="start again"):
        await store.append([command("c-2", move(PARCEL, None))])


async def test_after_a_failed_fsync_a_fresh_start_finds_whole_commands(tmp_path: Path, disk: Disk):
    store = SqliteStore.open(tmp_path / "fsync.sqlite")
    head = await turn(store, ORDER, 1)
    disk.fails("sync", apsw.IOError, apsw.SQLITE_IOERR_FSYNC)
    with pytest.raises(StoreFailed):
        await store.append([command("c-1", move(ORDER, head), move(PARCEL, None))])
    disk.recovers()
    await store.close()
    fresh = SqliteStore.open(tmp_path / "fsync.sqlite")

    assert len(await whole_log(fresh)) in (1, 3)
    version = (await standing(fresh, ORDER)).version
    await turn(fresh, ORDER, 1, "again")
    assert [line.version for line in await fresh.read_entity(ORDER)] == list(range(1, version + 2))
    await fresh.close()


@pytest.mark.parametrize(
    "asking",
    [
        lambda store: store.heads([ORDER]),
        lambda store: store.find_command(ORDER, "turn-1"),
        lambda store: store.latest_place(),
        lambda store: store.read("0", 10),
        lambda store: store.read_entity(ORDER),
    ],
    ids=["heads", "find_command", "latest_place", "read", "read_entity"],
)
async def test_a_disk_that_cannot_be_read_is_unavailable_until_it_can(tmp_path: Path, disk: Disk, asking):
    store = SqliteStore.open(tmp_path / "read.sqlite")
    await turn(store, ORDER, 3)
    await store.close()
    store = SqliteStore.open(tmp_path / "read.sqlite")  # nothing is in its caches
    disk.fails("read", apsw.IOError, apsw.SQLITE_IOERR_READ)
    try:
        with pytest.raises(StoreUnavailable):
            await asking(store)
        disk.recovers()

        assert await asking(store)
        assert len(await whole_log(store)) == 3
    finally:
        await store.close()


async def test_a_log_that_another_holds_locked_is_unavailable(store: SqliteStore):
    head = await turn(store, ORDER, 1)
    store._writer.set_busy_timeout(20)  # rather than five seconds
    other = apsw.Connection(str(store.path))
    other.execute("begin immediate")
    with pytest.raises(StoreUnavailable):
        await store.append([command("c-1", move(ORDER, head))])
    other.execute("rollback")
    other.close()

    (outcome,) = await store.append([command("c-1", move(ORDER, head))])
    assert isinstance(outcome, Recorded)


async def test_a_damaged_record_is_named_by_its_position(store: SqliteStore):
    await turn(store, ORDER, 3)
    other = apsw.Connection(str(store.path))
    other.execute("update transition set record = substr(record, 1, 20) where position = 2")
    other.close()

    for asking in (lambda: store.read("0", 10), lambda: store.read_entity(ORDER)):
        with pytest.raises(LogDamaged, match="position 2"):
            await asking()
    assert bytes_of((await store.read("2", 10)).records)


async def test_what_is_no_database_is_said_to_be_none(tmp_path: Path):
    (tmp_path / "log.sqlite").write_bytes(b"This is a letter, not a log. " * 100)

    with pytest.raises(StoreUnavailable, match=r"log\.sqlite"):
        SqliteStore.open(tmp_path / "log.sqlite")


async def test_a_reader_in_another_process_sees_what_is_recorded_and_cannot_write(store: SqliteStore):
    await turn(store, ORDER, 2)
    reader = SqliteStore.open(store.path, read_only=True)
    await turn(store, Ref("order", "43"), 1)

    assert reader.log_id == store.log_id
    assert bytes_of(await whole_log(reader)) == bytes_of(await whole_log(store))
    with pytest.raises(StoreUnavailable):
        await reader.append([command("c-1", move(PARCEL, None))])
    await reader.close()
