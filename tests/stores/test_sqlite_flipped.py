"""Bits that flip on the disk: what is read is what was written, or is said to be damaged; never something else."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
from pathlib import Path

import apsw
import pytest

from statewright.machine.record import COMMANDS_KEPT, Head
from statewright.stores.sqlite import SqliteStore
from statewright.stores.words import LogDamaged, Ref, StoreUnavailable
from statewright.testkit.store.writing import CART, ORDER, PARCEL, bytes_of, command, move, record, turn, without_notes

FLIPS = int(os.environ.get("STATEWRIGHT_FLIPS", "60"))
REFS = [ORDER, PARCEL, CART, *(Ref("order", f"ä{number}") for number in range(30))]


@pytest.fixture
async def log(tmp_path: Path) -> Path:
    """A log with some lives in it, all of it in the one file."""
    path = tmp_path / "log.sqlite"
    store = SqliteStore.open(path)
    await turn(store, ORDER, COMMANDS_KEPT + 6)
    await record(store, *(command(f"c-{ref.id}", move(ref, None, changes={"n": ref.id, "ß": 1.5})) for ref in REFS[1:]))
    await store.close()
    with contextlib.closing(apsw.Connection(str(path))) as connection:
        connection.pragma("journal_mode", "delete")
    return path


def raw_bytes(path: Path) -> bytes:
    return path.read_bytes()


def write(path: Path, raw: bytes | bytearray) -> None:
    path.write_bytes(raw)


async def told(path: Path) -> dict[str, object]:
    """All that a log says, question by question; what it could not say is left out."""
    answers: dict[str, object] = {}

    async def ask(question: str, asking) -> None:
        with contextlib.suppress(LogDamaged, StoreUnavailable):
            answers[question] = await asking()

    async def heads_of(ref: Ref) -> Head | None:
        (head,) = await store.heads([ref])
        return without_notes(head)

    try:
        store = SqliteStore.open(path)
    except StoreUnavailable:
        return {}
    for ref in REFS:
        await ask(f"head {ref}", lambda ref=ref: heads_of(ref))
        await ask(f"life {ref}", lambda ref=ref: _bytes(store.read_entity(ref)))
    for after in range(0, 110, 10):
        await ask(f"log after {after}", lambda after=after: _batch(store, after))
    await store.close()
    return answers


async def _bytes(reading) -> list[bytes]:
    return bytes_of(await reading)


async def _batch(store: SqliteStore, after: int) -> list[bytes]:
    return bytes_of((await store.read(str(after), 10)).records)


async def test_a_bit_that_flips_in_what_is_written_of_a_transition_is_never_served(log: Path, tmp_path: Path):
    """In its row: the record, its checksum, its time, its version, whose it is."""
    truth = await told(log)
    whole = raw_bytes(log)
    chosen = random.Random(4)
    rows = [whole.index(f'"command":"c-{ref.id}"'.encode()) for ref in REFS[1:]]
    damaged = tmp_path / "damaged.sqlite"
    refused = 0
    for _ in range(FLIPS):
        raw = bytearray(whole)
        # The row's header and columns lie before its text, which is some 300 bytes long.
        raw[min(chosen.choice(rows) + chosen.randrange(-70, 200), len(raw) - 1)] ^= 1 << chosen.randrange(8)
        write(damaged, raw)
        said = await told(damaged)
        for question, answer in said.items():
            assert answer == truth[question] or _is_missing(question, answer), question
        refused += len(truth) - len(said)

    assert refused > FLIPS, "the flips were to hit what is read"


def _is_missing(question: str, answer: object) -> bool:
    """An entity that cannot be found any more (its name's index is not the row's) is missing, and not another one."""
    return question.startswith(("head", "life")) and answer in (None, [])


async def test_a_flipped_bit_is_named_by_its_position(log: Path):
    raw = bytearray(raw_bytes(log))
    at = raw.index(b'"n":"\xc3\xa47"') + 7
    raw[at] ^= 1  # ä7 becomes ä6, in a record that is as well-formed as before
    write(log, raw)
    store = SqliteStore.open(log)

    with pytest.raises(LogDamaged, match=r"at position 80: it is not what was written there"):
        await store.read("79", 1)
    with pytest.raises(LogDamaged, match="at position 80"):
        await store.heads([Ref("order", "ä7")])
    assert len((await store.read("80", 10)).records) == 10, "what comes behind it is read as ever"
    await store.close()


async def test_a_flipped_bit_in_a_snapshot_is_not_decided_on(log: Path):
    with contextlib.closing(apsw.Connection(str(log))) as connection:
        connection.execute("update head set head = replace(head, 'state_64', 'state_46')")
    store = SqliteStore.open(log)

    with pytest.raises(LogDamaged, match="the snapshot of order/42 is not what was written"):
        await store.heads([ORDER])
    await store.close()


async def test_rows_that_an_earlier_release_wrote_without_checksums_are_read(log: Path):
    with contextlib.closing(apsw.Connection(str(log))) as connection:
        connection.execute("alter table transition drop column sum; alter table head drop column sum")
    with pytest.raises(StoreUnavailable, match="was made by an earlier release"):
        SqliteStore.open(log, read_only=True)
    store = SqliteStore.open(log)
    await turn(store, PARCEL, 1, "later")

    assert [line.version for line in await store.read_entity(PARCEL)] == [1, 2]
    assert len((await store.read("0", 1_000)).records) == COMMANDS_KEPT + 6 + len(REFS)
    await store.close()


async def test_a_log_of_a_later_format_is_refused_with_a_sentence(log: Path, tmp_path: Path):
    shutil.copy(log, tmp_path / "later.sqlite")
    with contextlib.closing(apsw.Connection(str(tmp_path / "later.sqlite"))) as connection:
        connection.execute("update log set format = 2")

    with pytest.raises(StoreUnavailable, match=r"is of format 2, .* run the release that wrote it, or a later one"):
        SqliteStore.open(tmp_path / "later.sqlite")


async def test_a_transition_of_a_later_format_is_named_and_not_guessed_at(log: Path):
    with contextlib.closing(apsw.Connection(str(log))) as connection:
        connection.execute(
            'update transition set sum = null, record = replace(record, \'"revision"\', \'"format":9,"revision"\')'
            " where position = 3"
        )
    store = SqliteStore.open(log)

    with pytest.raises(LogDamaged, match="position 3: it was written in format 9, and this release"):
        await store.read("0", 10)
    await store.close()
