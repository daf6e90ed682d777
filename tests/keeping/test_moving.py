"""A log moves from any engine to any other, and nothing of it changes on the way."""

from __future__ import annotations

import asyncio
import gzip
import json
import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from statewright.catalog import Catalog
from statewright.cli import main
from statewright.folder import FolderLock, ImportUnfinished
from statewright.keeping import exporting
from statewright.keeping.exporting import CannotExport, ToFile, export
from statewright.keeping.importing import CannotImport, Import
from statewright.machine.record import Record
from statewright.settings import Settings
from statewright.stores.memory import MemoryStore
from statewright.stores.words import Batch, EventStore, Ref
from statewright.testkit.store.writing import command, move, record, turn
from tests.keeping.keeping import EVENTS, opened, switched, tampered, verified


def run(*arguments: object, text: bytes | None = None) -> Result:
    return CliRunner().invoke(main, [str(one) for one in arguments], input=text)


async def ran(*arguments: object, text: bytes | None = None) -> Result:
    return await asyncio.to_thread(run, *arguments, text=text)


def exported(settings: Settings, *options: str) -> bytes:
    """The export of an installation, as the command writes it."""
    result = run("export", "--data", settings.data, *options)
    assert result.exit_code == 0, result.stderr
    return result.stdout_bytes


def into(folder: Path) -> Settings:
    return Settings(data=folder)


async def test_an_export_imported_and_exported_again_is_the_same_to_the_byte(settings: Settings, tmp_path: Path):
    first = await asyncio.to_thread(exported, settings)
    result = await ran("import", "-", "--data", tmp_path / "other", text=first)

    assert result.exit_code == 0, result.stderr
    assert await asyncio.to_thread(exported, into(tmp_path / "other")) == first
    assert (await verified(into(tmp_path / "other"), deep=True)).sound


async def test_an_imported_log_goes_on_as_it_would_have_where_it_was(settings: Settings, tmp_path: Path):
    await ran("import", "-", "--data", tmp_path / "other", text=await asyncio.to_thread(exported, settings))
    other = into(tmp_path / "other")
    await switched(other, 8, "more")
    await switched(other, EVENTS)  # sent again: nothing is recorded twice

    async with opened(other) as (store, _):
        assert [head.version for head in await store.heads([Ref("lamp", str(n)) for n in range(4)]) if head] == [12] * 4


async def test_a_log_moves_through_another_engine_to_the_byte(settings: Settings, tmp_path: Path):
    first, middle = tmp_path / "first.ndjson", tmp_path / "middle.ndjson"
    async with opened(settings) as (store, catalog):
        await export(store, catalog.moving.types, ToFile(first))
    memory, catalog = MemoryStore(), Catalog.open(f"sqlite:///{tmp_path / 'between.sqlite'}")
    await Import(memory, catalog.moving).run(first.read_bytes().splitlines(keepends=True))
    await export(memory, catalog.moving.types, ToFile(middle))
    catalog.close()

    assert middle.read_bytes() == first.read_bytes()


async def test_every_document_used_travels_along(settings: Settings, tmp_path: Path):
    lines = (await asyncio.to_thread(exported, settings)).splitlines()
    (kept,) = [json.loads(line)["definitions"] for line in lines if line.startswith(b'{"definitions"')]

    async with opened(settings) as (_, catalog):
        assert kept["revisions"][0]["document"].encode() == catalog.document("lamp", 1)
    assert (kept["type"], kept["last_revision"], kept["revisions"][0]["status"]) == ("lamp", 1, "active")


def test_a_name_that_ends_in_gz_is_packed_and_read_again(settings: Settings, tmp_path: Path):
    plain = exported(settings)
    run("export", "--data", settings.data, "-o", tmp_path / "log.ndjson.gz")

    assert gzip.decompress((tmp_path / "log.ndjson.gz").read_bytes()) == plain
    assert run("import", tmp_path / "log.ndjson.gz", "--data", tmp_path / "other").exit_code == 0
    assert exported(into(tmp_path / "other")) == plain


def test_a_part_of_a_log_is_exported_by_places_and_taken_over_piece_by_piece(settings: Settings, tmp_path: Path):
    whole = exported(settings)
    pieces = [exported(settings, "--to", "15"), exported(settings, "--from", "15", "--to", "16")]
    pieces.append(exported(settings, "--from", "16"))
    assert [piece.count(b'"command"') for piece in pieces] == [15, 1, 24]
    for piece in pieces:
        assert run("import", "-", "--data", tmp_path / "other", text=piece).exit_code == 0

    assert exported(into(tmp_path / "other")) == whole


def test_a_part_whose_beginning_is_missing_is_refused_and_leaves_nothing_in_the_way(settings: Settings, tmp_path: Path):
    result = run("import", "-", "--data", tmp_path / "other", text=exported(settings, "--from", "16"))

    assert result.exit_code == 1
    assert "lamp/0 cannot be taken over" in result.stderr


# --- interrupted, and gone on with


class Interrupted(Exception):
    pass


def interrupted(store: EventStore, after: int) -> EventStore:
    """The store, which gives up after so many reads."""
    reads = 0
    read = store.read

    async def reading(place: str, limit: int) -> Batch:
        nonlocal reads
        reads += 1
        if reads > after:
            raise Interrupted
        return await read(place, limit)

    store.read = reading  # type: ignore[method-assign]
    return store


@pytest.mark.parametrize("name", ["log.ndjson", "log.ndjson.gz"])
async def test_an_export_that_was_interrupted_goes_on_to_the_same_bytes(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    monkeypatch.setattr(exporting, "BATCH", 7)
    async with opened(settings) as (store, catalog):
        await export(store, catalog.moving.types, ToFile(tmp_path / f"whole.{name}"))
    async with opened(settings) as (store, catalog):
        with pytest.raises(Interrupted):
            await export(interrupted(store, 3), catalog.moving.types, ToFile(tmp_path / name))
    assert not (tmp_path / name).exists()
    with (tmp_path / f"{name}.part").open("ab") as torn:
        torn.write(b"half a line")
    async with opened(settings) as (store, catalog):
        standing = await export(store, catalog.moving.types, ToFile(tmp_path / name))

    assert standing.transitions == EVENTS
    assert (tmp_path / name).read_bytes() == (tmp_path / f"whole.{name}").read_bytes()
    assert not any(name.endswith((".part", ".json")) for name in os.listdir(tmp_path))


async def test_another_export_does_not_go_on_with_the_file_of_one_that_was_interrupted(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(exporting, "BATCH", 7)
    async with opened(settings) as (store, catalog):
        with pytest.raises(Interrupted):
            await export(interrupted(store, 2), catalog.moving.types, ToFile(tmp_path / "log"))
    await switched(into(tmp_path / "other"), 3)

    async with opened(into(tmp_path / "other")) as (store, catalog):
        with pytest.raises(CannotExport, match="another export"):
            await export(store, catalog.moving.types, ToFile(tmp_path / "log"))


def test_a_file_that_is_there_is_not_written_over(settings: Settings, tmp_path: Path):
    (tmp_path / "log.ndjson").write_text("mine")
    result = run("export", "--data", settings.data, "-o", tmp_path / "log.ndjson")

    assert result.exit_code == 1
    assert "there already" in result.stderr
    assert (tmp_path / "log.ndjson").read_text() == "mine"


@pytest.mark.parametrize("share", [0.3, 0.6, 0.99])
def test_an_import_whose_file_breaks_off_goes_on_with_the_whole_one(settings: Settings, tmp_path: Path, share: float):
    whole, data = exported(settings), tmp_path / "other"
    broken = run("import", "-", "--data", data, text=whole[: int(len(whole) * share)])
    assert broken.exit_code == 1
    assert "breaks off after line" in broken.stderr
    with pytest.raises(ImportUnfinished):
        FolderLock(data, "serve")
    result = run("import", "-", "--data", data, text=whole)

    assert "of them were there before" in result.stderr
    assert exported(into(data)) == whole
    FolderLock(data, "serve").release()


def test_a_packed_file_that_breaks_off_is_told(settings: Settings, tmp_path: Path):
    packed = gzip.compress(exported(settings))
    (tmp_path / "cut.gz").write_bytes(packed[: len(packed) // 2])
    result = run("import", tmp_path / "cut.gz", "--data", tmp_path / "other")

    assert result.exit_code == 1
    assert "breaks off" in result.stderr


def test_importing_twice_changes_nothing(settings: Settings, tmp_path: Path):
    whole = exported(settings)
    run("import", "-", "--data", tmp_path / "other", text=whole)
    again = run("import", "-", "--data", tmp_path / "other", text=whole)

    assert again.exit_code == 0
    assert f"{EVENTS} transitions, {EVENTS} of them were there before" in again.stderr
    assert exported(into(tmp_path / "other")) == whole


# --- what is refused


async def test_a_log_that_holds_something_else_is_left_as_it_is_and_still_starts(settings: Settings, tmp_path: Path):
    other = into(tmp_path / "other")
    await switched(other, 12, "mine")
    before = await asyncio.to_thread(exported, other)
    result = await asyncio.to_thread(
        run, "import", "-", "--data", other.data, text=await asyncio.to_thread(exported, settings)
    )

    assert result.exit_code == 1
    assert "holds something else" in result.stderr
    assert await asyncio.to_thread(exported, other) == before
    FolderLock(other.data, "serve").release()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: b"", "breaks off"),
        (lambda text: b"{}\n", "line 1: it is no line of an export"),
        (lambda text: text[text.index(b"\n") + 1 :], "line 1: it is not the beginning"),
        (lambda text: text.replace(b'{"statewright_export":1', b'{"statewright_export":2'), "a later release reads it"),
        (lambda text: text.replace(b'"n":7', b'"n":8', 1), "not what was exported"),
        (lambda text: text.replace(b'\\"dim\\"', b'\\"dum\\"'), "is not what its digest says"),
        (lambda text: text.replace(b'"revision":1,"event"', b'"format":2,"revision":1,"event"', 1), "in format 2"),
        (lambda text: text.replace(b'"version":2', b'"version":"two"', 1), "it is no line of an export"),
        (lambda text: text + b"{}\n", "something comes after the end"),
        (lambda text: b"\xff\xfe" + text, "it is no line of an export"),
    ],
)
def test_a_file_that_is_no_export_is_refused_with_the_line_and_the_reason(
    settings: Settings, tmp_path: Path, change, said: str
):
    result = run("import", "-", "--data", tmp_path / "other", text=change(exported(settings)))

    assert result.exit_code == 1
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_nothing_is_imported_while_a_server_runs(settings: Settings):
    lock = FolderLock(settings.data, "serve")
    result = run("import", "-", "--data", settings.data, text=b"")
    lock.release()

    assert result.exit_code == 1
    assert "in use by statewright serve" in result.stderr


def test_what_is_no_log_is_not_exported(tmp_path: Path):
    result = run("export", "--data", tmp_path / "nothing")

    assert result.exit_code == 1
    assert "there is no log" in result.stderr


def test_damage_is_named_and_not_exported(settings: Settings, tmp_path: Path):
    tampered(settings, "update transition set record = replace(record, '\"n\":9', '\"n\":8') where position = 10")
    result = run("export", "--data", settings.data, "-o", tmp_path / "log")

    assert result.exit_code == 1
    assert "damaged at position 10" in result.stderr
    assert not (tmp_path / "log").exists()


# --- commands and partitions


async def test_a_command_over_many_entities_is_never_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("statewright.keeping.importing.AT_ONCE", 4)
    source, asked = MemoryStore(), []
    for number in range(3):
        refs = [Ref("order", f"{number}.{part}") for part in range(9)]
        await record(source, command(f"c-{number}", *(move(ref, None) for ref in refs)))
    await turn(source, Ref("order", "0.0"), 3, "later")

    class Noting(MemoryStore):
        async def adopt(self, records) -> None:
            asked.append([one.command for one in records])
            await super().adopt(records)

    catalog = Catalog.open(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    await export(source, catalog.moving.types, ToFile(tmp_path / "log"))
    await Import(Noting(), catalog.moving).run((tmp_path / "log").read_bytes().splitlines(keepends=True))
    catalog.close()

    assert [names.count(f"c-{number}") for number in range(3) for names in asked if f"c-{number}" in names] == [9] * 3


class Spread(MemoryStore):
    """A log of two partitions, as its readers see it: one after the other."""

    async def latest_place(self) -> str:
        return f"0:{len(self._log)},1:{len(self._log)}"

    async def read(self, after: str, limit: int) -> Batch:
        if after == "end":
            return Batch([], "end")
        batch = await super().read("0", 10_000)
        for one in batch.records:
            one.partition = int(one.entity) % 2
        return Batch(sorted(batch.records, key=lambda one: (one.partition, one.position)), "end")

    def compare_places(self, one: str, other: str) -> int:
        return 0 if "end" in (one, other) else -1 if one != other else 0


async def test_several_partitions_become_one_log_in_the_order_of_time(tmp_path: Path):
    spread, single = Spread(), MemoryStore()
    for number in range(6):
        await record(spread, command(f"c-{number}", move(Ref("order", str(number)), None), now=1_000 + number))
    catalog = Catalog.open(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    await export(spread, catalog.moving.types, ToFile(tmp_path / "log"))
    await Import(single, catalog.moving).run((tmp_path / "log").read_bytes().splitlines(keepends=True))
    catalog.close()
    lines: list[Record] = list((await single.read("0", 100)).records)

    assert [(one.entity, one.partition, one.position) for one in lines] == [(str(n), 0, n + 1) for n in range(6)]


async def test_an_import_says_what_stops_it(tmp_path: Path):
    catalog = Catalog.open(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    with pytest.raises(CannotImport, match="breaks off"):
        await Import(MemoryStore(), catalog.moving).run([])
    catalog.close()
