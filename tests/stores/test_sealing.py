"""Personal values in front of a store: it keeps every promise with them, and below it nothing can be read."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import apsw
import pytest

from statewright.catalog.keys import KeyRing
from statewright.catalog.master import BadMasterKey, MasterKeys, new_master_key
from statewright.machine.record import Head, Record, fold
from statewright.stores.memory import MemoryStore
from statewright.stores.sealing import Key, KeysUnavailable, SealBroken, SealedStore, is_sealed, sealing
from statewright.stores.sqlite import SqliteStore
from statewright.stores.words import Append, EventStore, Ref, Skims, Spreads, Step, StoreUnavailable
from statewright.testkit.store import Promise, Stores, keep, name_of, promises_for

ANNA = Ref("customer", "anna")
MASTER = MasterKeys.of(new_master_key())


class Rings:
    """A ring of keys for each log, in a database of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._made = 0

    def another(self) -> KeyRing:
        self._made += 1
        return KeyRing.open(f"sqlite:///{self.folder / f'keys-{self._made}.sqlite'}", MASTER)


@pytest.fixture
def rings(tmp_path: Path) -> Rings:
    return Rings(tmp_path)


@pytest.fixture
async def ring(rings: Rings) -> AsyncIterator[KeyRing]:
    ring = rings.another()
    yield ring
    ring.close()


def in_memory(rings: Rings) -> Stores:
    async def empty() -> EventStore:
        return SealedStore(MemoryStore(sole_writer=False), rings.another())

    async def the_same(store: EventStore) -> EventStore:
        return store

    return Stores(empty, second_writer=the_same)


def on_disk(rings: Rings) -> Stores:
    async def empty() -> EventStore:
        ring = rings.another()
        return SealedStore(SqliteStore.open(rings.folder / f"log-{rings._made}.sqlite"), ring)

    async def again(store: EventStore) -> EventStore:
        assert isinstance(store, SealedStore)
        assert isinstance(store.below, SqliteStore)
        path = store.below.path
        await store.close()
        return SealedStore(SqliteStore.open(path), store._keys)

    return Stores(empty, reopen=again)


@pytest.mark.parametrize("promise", promises_for(in_memory(Rings(Path()))), ids=name_of)
async def test_a_store_in_memory_keeps_its_promise_behind_seals(promise: Promise, rings: Rings):
    await keep(promise, in_memory(rings))


@pytest.mark.parametrize("promise", promises_for(on_disk(Rings(Path()))), ids=name_of)
async def test_a_store_on_disk_keeps_its_promise_behind_seals(promise: Promise, rings: Rings):
    await keep(promise, on_disk(rings))


def step(head: Head | None, ref: Ref = ANNA, **fields: Any) -> Step:
    version = 1 if head is None else head.version + 1
    record = Record(
        type=ref.type,
        entity=ref.id,
        version=version,
        command=f"c-{version}",
        from_=None if head is None else head.leaves,
        to=("known",),
        revision=1,
        **{"kind": "created" if head is None else "event", **fields},
    )
    return Step(record, head, fold(head, record))


async def write(store: EventStore, *steps: Step) -> Sequence[Any]:
    return await store.append([Append(each.record.command, "d", 1_000, [each]) for each in steps])


def bytes_in(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.iterdir() if file.is_file())


def with_email(email: str) -> dict[str, Any]:
    return {"sealed": {"changes": {"email": email}, "payload": {"email": email}}, "changes": {"total": 7}}


async def erased(store: EventStore) -> Head:
    head = (await store.heads([ANNA]))[0]
    assert head is not None
    made = step(head, kind="erased", removed=head.personal)
    await write(store, made)
    return made.after


async def test_below_the_seal_a_value_is_a_text_that_tells_nothing(ring: KeyRing):
    below = MemoryStore()
    store = SealedStore(below, ring)
    await write(store, step(None, **with_email("anna@example.org")))

    stored = (await below.read_entity(ANNA))[0]
    head = (await below.heads([ANNA]))[0]
    read = (await store.read_entity(ANNA))[0]

    assert head is not None
    assert is_sealed(stored.sealed["changes"]["email"])
    assert is_sealed(head.data["email"])
    assert "anna@" not in repr(stored) + repr(head)
    assert read.sealed == {"changes": {"email": "anna@example.org"}, "payload": {"email": "anna@example.org"}}
    assert stored.changes == read.changes == {"total": 7}


async def test_nothing_of_a_value_stands_in_the_files(tmp_path: Path, ring: KeyRing):
    store = SealedStore(SqliteStore.open(tmp_path / "log.sqlite"), ring)
    head: Head | None = None
    for number in range(130):  # beyond where heads are kept whole
        made = step(head, **with_email(f"anna-{number}@example.org"))
        await write(store, made)
        head = made.after
    await store.close()

    written = bytes_in(tmp_path)
    assert b"@example" not in written
    assert b"sw1.1." in written


async def test_erased_a_value_is_nowhere_and_the_rest_is_there(ring: KeyRing):
    store = SealedStore(MemoryStore(), ring)
    await write(store, step(None, **with_email("anna@example.org")))
    await erased(store)

    head = (await store.heads([ANNA]))[0]
    records = await store.read_entity(ANNA)

    assert head is not None
    assert (head.data, head.personal, head.erased) == ({"total": 7}, (), 2)
    assert [record.sealed for record in records] == [{}, {}]
    assert records[1].removed == ("email",)
    assert (await ring.of([ANNA]))[ANNA] in ([], ())


async def test_what_is_written_after_an_erasure_has_a_key_of_its_own(ring: KeyRing):
    store = SealedStore(MemoryStore(), ring)
    await write(store, step(None, **with_email("old@example.org")))
    head = await erased(store)
    await write(store, step(head, **with_email("new@example.org")))

    records = await store.read_entity(ANNA)

    assert [record.sealed.get("changes") for record in records] == [None, None, {"email": "new@example.org"}]


async def test_one_group_may_write_erase_and_write(ring: KeyRing):
    store = SealedStore(MemoryStore(), ring)
    first = step(None, **with_email("old@example.org"))
    second = step(first.after, kind="erased", removed=("email",))
    third = step(second.after, **with_email("new@example.org"))
    await write(store, first, second, third)

    records = await store.read_entity(ANNA)

    assert [record.sealed.get("changes") for record in records] == [None, None, {"email": "new@example.org"}]


async def test_a_key_that_another_process_ended_is_not_used_for_what_comes_after(rings: Rings, tmp_path: Path):
    below = MemoryStore(sole_writer=False)
    here, there = (KeyRing.open(f"sqlite:///{tmp_path / 'shared.sqlite'}", MASTER) for _ in range(2))
    one, other = SealedStore(below, here), SealedStore(below, there)
    await write(one, step(None, **with_email("old@example.org")))
    assert (await other.heads([ANNA]))[0] is not None  # it knows the key now
    head = await erased(one)
    await write(other, step(head, **with_email("new@example.org")))

    assert (await one.read_entity(ANNA))[2].sealed["changes"] == {"email": "new@example.org"}
    here.close()
    there.close()


async def test_a_text_that_was_moved_to_another_place_is_found_broken(ring: KeyRing):
    below = MemoryStore()
    store = SealedStore(below, ring)
    await write(store, step(None, **with_email("anna@example.org")))
    text = (await below.read_entity(ANNA))[0].sealed["changes"]["email"]
    await write(below, step(None, Ref("customer", "eve"), sealed={"changes": {"email": text}}))
    await ring.make([(Ref("customer", "eve"), 1)])

    with pytest.raises(SealBroken, match=r"at position 2: .* of customer/eve"):
        await store.read_entity(Ref("customer", "eve"))


class Spread(MemoryStore):
    """A log of which half of the entities are elsewhere."""

    def partition_of(self, ref: Ref) -> int:
        return len(ref.id) % 2

    def place_of(self, record: Record) -> str:
        return f"{record.partition}:{record.position}"


@pytest.mark.parametrize(("kind", "can"), [(MemoryStore, ()), (SqliteStore, (Skims,)), (Spread, (Spreads,))])
async def test_a_seal_can_do_what_the_store_behind_it_can(
    ring: KeyRing, tmp_path: Path, kind: type[Any], can: tuple[type, ...]
):
    below = SqliteStore.open(tmp_path / "log.sqlite") if kind is SqliteStore else kind()
    store = sealing(below, ring)

    assert [each for each in (Skims, Spreads) if isinstance(store, each)] == list(can)
    if isinstance(store, Spreads):
        await write(store, step(None, **with_email("anna@example.org")))
        assert store.place_of((await store.read_entity(ANNA))[0]) == "0:1"
        assert store.partition_of(ANNA) == 0
    await store.close()


async def test_values_from_before_there_was_a_key_can_still_be_read(ring: KeyRing):
    below = MemoryStore()
    await write(below, step(None, **with_email("anna@example.org")))

    assert (await SealedStore(below, ring).read_entity(ANNA))[0].sealed["changes"] == {"email": "anna@example.org"}


class NoKeys:
    """Keys that cannot be had."""

    def known(self, refs: Any) -> Any:
        raise KeysUnavailable("the keys are away")

    async def of(self, refs: Any) -> Any:
        raise KeysUnavailable("the keys are away")

    async def make(self, wanted: Any) -> Sequence[Key]:
        raise KeysUnavailable("the keys are away")

    async def destroy(self, ref: Ref, before: int) -> None:
        raise KeysUnavailable("the keys are away")


async def test_without_keys_nothing_personal_is_recorded_or_read_and_the_rest_goes_on():
    below = MemoryStore()
    store = SealedStore(below, NoKeys())

    with pytest.raises(StoreUnavailable, match="the keys are away"):
        await write(store, step(None, **with_email("anna@example.org")))
    await write(store, step(None, changes={"total": 1}))

    assert [record.changes for record in await store.read_entity(ANNA)] == [{"total": 1}]


def test_keys_lie_wrapped_and_open_with_their_master_key_alone(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'keys.sqlite'}"
    ring = KeyRing.open(url, MASTER)
    made = ring._make([(ANNA, 1)])[0]
    box = made.cipher.encrypt(bytes(12), b"told", None)
    ring.close()

    again = KeyRing.open(url, MASTER)
    assert again.known([ANNA])[ANNA][0].cipher.decrypt(bytes(12), box, None) == b"told"
    again.close()
    with pytest.raises(BadMasterKey, match="not among those given"):
        KeyRing.open(url, MasterKeys.of(new_master_key()))


def test_a_new_master_key_wraps_all_keys_and_the_old_may_go(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'keys.sqlite'}"
    old, new = new_master_key(), new_master_key()
    ring = KeyRing.open(url, MasterKeys.of(old))
    ring._make([(Ref("customer", str(number)), 1) for number in range(450)])
    ring.close()

    both = KeyRing.open(url, MasterKeys.of(f"# the new one\n{new}\n{old}\n"))
    assert both.rewrap() == 450
    assert both.rewrap() == 0
    both.close()
    alone = KeyRing.open(url, MasterKeys.of(new))
    assert len(alone.known([Ref("customer", "449")])[Ref("customer", "449")]) == 1
    alone.close()


@pytest.mark.parametrize("text", ["", "# nothing", "short", "c2hvcnQ=", "ä" * 44])
def test_what_is_no_master_key_is_said(text: str):
    with pytest.raises(BadMasterKey, match="statewright keys new"):
        MasterKeys.of(text)


async def test_a_destroyed_key_is_gone_from_its_file(tmp_path: Path):
    path = tmp_path / "keys.sqlite"
    ring = KeyRing.open(f"sqlite:///{path}", MASTER)
    await ring.make([(ANNA, 1), (Ref("customer", "eve"), 1)])
    connection = apsw.Connection(str(path))
    wrapped = connection.execute("select wrapped from entity_key where entity = 'anna'").get
    await ring.destroy(ANNA, 2)

    left = bytes_in(tmp_path)
    assert wrapped[12:] not in left
    assert json.dumps(connection.execute("select entity from entity_key").get) == '"eve"'
    connection.close()
    ring.close()
