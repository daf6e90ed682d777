"""Verification holds a log against itself, the definitions, what was decided, and the views made of it."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from types import SimpleNamespace

import apsw
import pytest
from sqlalchemy import Engine

from statewright import consolidators
from statewright.consolidators.bookkeeping import known
from statewright.keeping.findings import Findings
from statewright.keeping.lives import Lives
from statewright.keeping.viewing import Viewing
from statewright.machine.record import Record
from statewright.settings import Settings
from tests.keeping.keeping import EVENTS, opened, sealed, switched, tampered, verified, where


def rewritten(old: str, new: str, position: int) -> str:
    """A record changed together with its checksum gone, as somebody would who knows of it."""
    return f"update transition set sum = null, record = replace(record, '{old}', '{new}') where position = {position}"


async def test_a_bit_that_flipped_is_named_by_the_checksum_without_any_seal(settings: Settings):
    tampered(settings, "update transition set record = replace(record, '\"n\":9', '\"n\":8') where position = 10")

    assert where((await verified(settings)).findings, "record") == [(10, 10, "it is not what was written there")]


async def test_a_record_that_is_none_any_more_is_named_and_the_rest_is_read(settings: Settings):
    tampered(settings, "update transition set sum = null, record = substr(record, 1, 20) where position = 10")
    report = await verified(settings)

    assert [found[:2] for found in where(report.findings, "record")] == [(10, 10)]
    assert report.transitions == EVENTS


async def test_a_row_under_another_entity_is_named(settings: Settings):
    tampered(settings, "update transition set entity = 2, version = 90 where position = 9")
    report = await verified(settings)

    assert where(report.findings, "record") == [(9, 9, "its row says version 90 of lamp/1")]


async def test_a_time_that_falls_is_named(settings: Settings):
    tampered(settings, "update transition set sum = null, recorded_at = recorded_at - 1000000000 where position = 21")

    assert where((await verified(settings)).findings, "order") == [
        (21, 21, "it was recorded earlier than the transition before it")
    ]


async def test_a_state_that_the_version_before_did_not_lead_to_is_named(settings: Settings):
    tampered(settings, rewritten('"to":["dim"]', '"to":["off"]', 5))
    report = await verified(settings)

    assert where(report.findings, "life") == [(9, 9, "it comes from dim, where version 2 of its entity did not lead")]


async def test_a_decision_that_comes_out_otherwise_is_named_by_a_deep_verification(settings: Settings):
    tampered(settings, rewritten('"to":["dim"]', '"to":["broken"]', 5))
    shallow, deep = await verified(settings), await verified(settings, deep=True)

    assert where(shallow.findings, "decision") == []
    found = where(deep.findings, "decision")
    assert [position for position, _, _ in found] == [5, 9]
    assert "recorded is ('broken',)" in found[0][2]


async def test_what_was_decided_is_decided_alike(settings: Settings):
    report = await verified(settings, deep=True)

    assert report.sound, report.findings
    assert (report.again, report.undecidable) == (EVENTS, 0)


async def test_a_document_that_was_changed_is_named(settings: Settings):
    with contextlib.closing(apsw.Connection(str(settings.data / "catalog.sqlite"))) as catalog:
        catalog.execute("update revision set document = replace(document, '\"dim\"', '\"dun\"')")
    found = where((await verified(settings)).findings, "definition")

    assert [position for position, _, _ in found] == [1, 1]
    assert "not the one registered" in found[0][2]
    assert "names another document" in found[1][2]


async def test_a_revision_that_the_catalogue_does_not_have_is_named(settings: Settings):
    with contextlib.closing(apsw.Connection(str(settings.data / "catalog.sqlite"))) as catalog:
        catalog.execute("delete from revision")

    ((_, _, said),) = where((await verified(settings)).findings, "definition")
    assert "does not have what it was decided under" in said


async def test_a_snapshot_that_is_not_what_was_written_is_named(settings: Settings):
    await switched(settings, 80, "more")
    tampered(settings, "update head set head = replace(head, '\"version\":16', '\"version\":15')")

    found = where((await verified(settings)).findings, "medium")
    assert found
    assert all("snapshot" in said for _, _, said in found)


async def test_pages_that_cannot_be_read_are_named_by_position_and_the_rest_is_read(settings: Settings):
    await sealed(settings)
    tampered(settings, "pragma wal_checkpoint(truncate)")
    position, page = _page_of_a_record(settings.log)
    raw = bytearray(settings.log.read_bytes())
    raw[page * 4096 : page * 4096 + 64] = b"\xff" * 64
    settings.log.write_bytes(raw)
    report = await verified(settings)

    named = {at for first, last, _ in where(report.findings) for at in range(first, last + 1)}
    assert position in named
    assert where(report.findings, "medium")
    assert report.transitions < EVENTS or where(report.findings, "record")


def _page_of_a_record(log: Path) -> tuple[int, int]:
    """A position, and the page (from 0) that its row lies on."""
    with contextlib.closing(apsw.Connection(str(log))) as connection:
        ((page,),) = connection.execute(
            "select pageno from dbstat where name = 'transition' and pagetype = 'leaf' order by pageno limit 1"
        )
        rows = [position for (position,) in connection.execute("select position from transition order by position")]
    raw = log.read_bytes()[(page - 1) * 4096 : page * 4096]
    position = next(at for at in rows if f'"n":{at - 1}'.encode() in raw)
    return position, page - 1


def test_lives_are_followed_in_bounded_memory():
    findings = Findings()
    lives = Lives(findings, in_memory=50)
    leaves = [("a",), ("b",), ("c",)]
    for version in (1, 2, 3):
        for number in range(500):
            from_ = leaves[version - 2] if version > 1 else None
            kind = "event" if version > 1 else "created"
            to = leaves[version - 1]
            if (version, number) == (2, 77):
                to = ("z",)
            if (version, number) == (3, 200):
                continue
            lives.take([_record(number, version, from_, to, kind)])
    lives.take([_record(200, 4, ("c",), ("a",), "event")])
    lives.close()

    assert lives.entities == 500
    assert [(one.entity, one.version) for one in findings.listed] == [("77", 3), ("200", 4)]


def _record(number: int, version: int, from_, to, kind) -> Record:
    return Record(type="t", entity=str(number), version=version, revision=1, from_=from_, to=to, kind=kind)


@pytest.fixture
async def viewed(settings: Settings) -> Settings:
    """The installation, with its views built to the end of the log."""
    async with opened(settings) as (store, _):
        engine = consolidators.opened(settings.views_url)
        definitions = consolidators.Registered(settings.catalog_url)
        runner = consolidators.Runner(store, engine, definitions=definitions)
        running = asyncio.create_task(runner.run())
        try:
            async with asyncio.timeout(60):
                while not await _is_at(engine, await store.latest_place()):  # noqa: ASYNC110  # another's database
                    await asyncio.sleep(0.02)
        finally:
            runner.stop()
            await running
            definitions.close()
            engine.dispose()
    return settings


async def _is_at(engine: Engine, place: str) -> bool:
    stands = [await asyncio.to_thread(known, engine, made.name) for made in consolidators.BUILT_IN]
    return all(one is not None and one.checkpoint.place == place for one in stands)


async def compared(settings: Settings) -> SimpleNamespace:
    """What comparing the views with the log comes to."""
    findings, notes = Findings(), []
    async with opened(settings) as (store, _):
        definitions = consolidators.Registered(settings.catalog_url)
        viewing = Viewing(store, settings.views_url, definitions, findings, notes.append)
        await viewing.run()
        definitions.close()
    return SimpleNamespace(found=[str(one) for one in findings.listed], notes=notes, rows=viewing.rows)


async def test_views_that_say_what_the_log_gives_are_sound(viewed: Settings):
    result = await compared(viewed)

    assert (result.found, result.notes) == ([], [])
    assert result.rows > 8


async def test_a_row_of_a_view_that_the_log_does_not_give_is_named(viewed: Settings):
    with contextlib.closing(apsw.Connection(str(viewed.data / "views.sqlite"))) as views:
        (table,) = views.execute("select tables ->> 0 from generation where name = 'entities'").fetchone()
        views.execute(f"update {table} set version = 99 where entity = '2'")
    result = await compared(viewed)

    assert len(result.found) == 1
    assert "says version 99, the log gives 10" in result.found[0]


async def test_views_that_were_never_built_are_noted(settings: Settings):
    result = await compared(settings)

    assert result.found == []
    assert len(result.notes) == len(consolidators.BUILT_IN)
