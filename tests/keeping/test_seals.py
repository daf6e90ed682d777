"""Seals prove a log whole: what was done to it is told, to the position."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import msgspec
import pytest

from statewright.keeping.keys import BadKey, PublicKey, SealKey
from statewright.keeping.sealing import NotTheLog, Sealing
from statewright.keeping.seals import ENTRY, Seals, SealsInUse, SealWriter
from statewright.settings import Settings
from statewright.stores.memory import MemoryStore
from statewright.testkit.store.writing import ORDER, turn
from tests.keeping.keeping import EVENTS, opened, sealed, switched, tampered, verified, where

CHANGE = (
    "update transition set sum = null, record = replace(record, '\"n\":{n}', '\"n\":{m}') where position = {position}"
)


async def test_a_log_that_nobody_touched_is_sound_and_all_of_it_under_seal(settings: Settings):
    assert await sealed(settings) == EVENTS
    report = await verified(settings)

    assert report.sound, report.findings
    assert (report.transitions, report.sealed, report.seals, report.entities) == (EVENTS, EVENTS, 4, 4)


async def test_what_is_recorded_later_is_sealed_by_whoever_comes_next(settings: Settings):
    await sealed(settings)
    await switched(settings, 15, "later")
    before = await verified(settings)
    assert await sealed(settings) == 15
    after = await verified(settings)

    assert (before.sealed, after.sealed) == (EVENTS, EVENTS + 15)
    assert before.sound
    assert after.sound


async def test_a_changed_transition_is_named(settings: Settings):
    await sealed(settings)
    tampered(settings, CHANGE.format(n=17, m=71, position=18))
    report = await verified(settings)

    assert where(report.findings) == [(18, 18, "it is not what was sealed here: it was changed")]


async def test_a_changed_time_is_named(settings: Settings):
    await sealed(settings)
    tampered(settings, "update transition set sum = null, recorded_at = recorded_at + 1 where position = 40")

    assert where((await verified(settings)).findings) == [(40, 40, "it is not what was sealed here: it was changed")]


async def test_a_removed_transition_is_named(settings: Settings):
    await sealed(settings)
    tampered(settings, "delete from transition where position = 25")
    report = await verified(settings)

    assert where(report.findings) == [(25, 25, "it was sealed, and is gone")]
    assert [one.position for one in report.findings if one.check == "life"] == [29], "the life of lamp 0 has a gap"


async def test_removed_transitions_are_named_also_where_the_rest_moved_up(settings: Settings):
    await sealed(settings)
    tampered(
        settings,
        "delete from transition where position = 33",
        "update transition set sum = null, position = position - 1 where position > 33",
    )
    found = where((await verified(settings)).findings)

    assert [(first, last) for first, last, _ in found] == [(n, n) for n in range(33, 41)]
    assert found[0][2] == "what was sealed as position 34 stands here"


async def test_exchanged_transitions_are_named(settings: Settings):
    await sealed(settings)
    tampered(
        settings,
        "update transition set sum = null, position = 1000 where position = 12",
        "update transition set sum = null, position = 12 where position = 13",
        "update transition set sum = null, position = 13 where position = 1000",
    )

    assert where((await verified(settings)).findings) == [
        (12, 12, "what was sealed as position 13 stands here"),
        (13, 13, "what was sealed as position 12 stands here"),
    ]


async def test_a_transition_put_in_is_named(settings: Settings):
    await sealed(settings)
    tampered(settings, "delete from transition where position = 20")
    await sealed_anew(settings)
    tampered(
        settings,
        "insert into transition select 20, entity, 900, recorded_at, record, null from transition where position = 19",
    )

    found = where((await verified(settings)).findings)
    assert [(first, last) for first, last, _ in found] == [(20, 20)]


async def sealed_anew(settings: Settings) -> None:
    """As if the log had always been what it is now."""
    async with opened(settings) as (store, _):
        folder = settings.seals_folder / store.log_id
        for file in folder.iterdir():
            file.unlink()
    await sealed(settings)


async def test_a_log_that_was_cut_off_is_told_by_its_seals(settings: Settings):
    await sealed(settings)
    tampered(settings, "delete from transition where position > 27")

    assert where((await verified(settings)).findings) == [
        (28, 30, "it was sealed, and is gone: the log was cut off before it"),
        (31, 40, "it was sealed, and is gone: the log was cut off before it"),
    ]


async def test_a_log_that_was_cut_off_is_not_sealed_on(settings: Settings):
    await sealed(settings)
    tampered(settings, "delete from transition where position > 27")

    with pytest.raises(NotTheLog, match="ends before what was sealed"):
        await sealed(settings)


async def test_another_life_behind_the_same_beginning_is_not_sealed_on(settings: Settings):
    """As after an older log was restored, and went on."""
    await sealed(settings)
    tampered(settings, "delete from transition where position > 36", "delete from head")
    await switched(settings, 20, "other")

    with pytest.raises(NotTheLog, match="between positions 31 and 40"):
        await sealed(settings)


async def test_seals_written_by_another_key_are_not_trusted(settings: Settings, tmp_path: Path):
    await sealed(settings)
    other = SealKey.made_at(tmp_path / "other.pem")
    (tmp_path / "other.pub").write_bytes(other.public.pem)
    report = await verified(settings, trusted=PublicKey.read(tmp_path / "other.pub"))

    assert "seal 1 is not signed by the key that is trusted" in report.findings[0].sentence
    assert report.sealed == 0


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (lambda lines: [*lines[:1], *lines[2:]], "seal 2 does not follow the one before it"),
        (lambda lines: [lines[1], lines[0], *lines[2:]], "seal 1 does not follow"),
        (lambda lines: [lines[0].replace(b'"place":"10"', b'"place":"11"'), *lines[1:]], "seal 1 does not bear"),
        (lambda lines: [*lines[:3], b"{}\n"], "seal 4 cannot be read"),
    ],
    ids=["one left out", "two exchanged", "one changed", "one made up"],
)
async def test_seals_that_were_tampered_with_are_named(settings: Settings, what, said: str):
    await sealed(settings)
    async with opened(settings) as (store, _):
        file = Seals(settings.seals_folder, store.log_id).file
    file.write_bytes(b"".join(what(file.read_bytes().splitlines(keepends=True))))

    assert said in (await verified(settings)).findings[0].sentence


async def test_entries_that_were_lost_leave_the_proof_and_take_the_position(settings: Settings):
    await sealed(settings)
    async with opened(settings) as (store, _):
        entries = Seals(settings.seals_folder, store.log_id).entries("0")
    entries.write_bytes(b"\0" * entries.stat().st_size)
    assert (await verified(settings)).sound, "the seals alone confirm a log that is whole"
    tampered(settings, CHANGE.format(n=17, m=71, position=18))

    ((first, last, said),) = where((await verified(settings)).findings)
    assert (first, last) == (11, 20)
    assert "which, cannot be told" in said


async def test_a_process_that_died_while_it_sealed_leaves_nothing_behind(settings: Settings):
    await sealed(settings)
    async with opened(settings) as (store, _):
        seals = Seals(settings.seals_folder, store.log_id)
        with seals.file.open("ab") as file:
            file.write(b'{"seal":5,"lo')
        with seals.entries("0").open("ab") as file:
            file.write(b"\1" * (ENTRY + 7))
    await switched(settings, 5, "later")
    assert await sealed(settings) == 5
    report = await verified(settings)

    assert report.sound, report.findings
    assert (report.seals, report.sealed) == (5, EVENTS + 5)


async def test_a_seal_is_signed_so_that_others_can_check_it(settings: Settings):
    """With nothing but the public key, the line, and its bytes without the signature."""
    await sealed(settings)
    async with opened(settings) as (store, _):
        seals = Seals(settings.seals_folder, store.log_id)
        (public,) = settings.seals_folder.glob("*.pub")
        confirmed = [seal.seal for seal in seals.checked(PublicKey.read(public))]

    assert confirmed == [1, 2, 3, 4]
    assert msgspec.json.decode(seals.file.read_bytes().splitlines()[0])["key"] == public.stem


async def test_a_store_that_shows_only_records_is_sealed_too(tmp_path: Path):
    store = MemoryStore()
    await turn(store, ORDER, 12)
    writer = SealWriter(tmp_path, store.log_id, SealKey.made_at(tmp_path / "key.pem"))

    assert await Sealing(store, writer, at_once=5).seal() == 12
    assert writer.stretches["0"].count == 12
    writer.close()


def test_the_key_is_made_once_and_for_its_owner_alone(tmp_path: Path):
    made = SealKey.made_at(tmp_path / "keys" / "seal.pem")
    again = SealKey.made_at(tmp_path / "keys" / "seal.pem")

    assert made.id == again.id
    assert stat.S_IMODE(os.stat(tmp_path / "keys" / "seal.pem").st_mode) == 0o600
    assert SealKey.read((tmp_path / "keys" / "seal.pem").read_text()).id == made.id


def test_a_key_that_is_none_is_refused_with_a_sentence(tmp_path: Path):
    (tmp_path / "key.pem").write_text("secret")

    with pytest.raises(BadKey, match="Ed25519"):
        SealKey.read(str(tmp_path / "key.pem"))
    with pytest.raises(BadKey, match="cannot be read"):
        SealKey.read(str(tmp_path / "none.pem"))


def test_a_log_has_one_that_seals_it(tmp_path: Path):
    key = SealKey.made_at(tmp_path / "key.pem")
    writer = SealWriter(tmp_path / "seals", "log", key)

    with pytest.raises(SealsInUse):
        SealWriter(tmp_path / "seals", "log", key)
    writer.close()
