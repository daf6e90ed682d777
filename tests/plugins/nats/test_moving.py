"""A log moves from a file into a stream, or several, and back, and nothing of it changes on the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from statewright.stores.words import CannotAdopt, EventStore, Ref, StoreUnavailable
from statewright.testkit.store.moving import placeless, what_another_log_recorded
from statewright.testkit.store.writing import NOON, ORDER, command, head_of, move, record, whole_log
from statewright_nats import adopting, open_store
from statewright_nats.link import Link, Unanswered
from tests.plugins.moving import exported, exported_lives, imported, require_sound
from tests.plugins.nats.cluster import Cluster


async def test_an_export_imported_there_and_exported_again_is_the_same_to_the_byte(
    cluster: Cluster, tmp_path: Path, log_name: str
) -> None:
    lives, url = await exported_lives(tmp_path / "file"), cluster.url(log_name)
    await imported(lives, tmp_path / "there", url)

    assert await exported(tmp_path / "there", url) == lives
    await require_sound(tmp_path / "there", url)
    assert "of them were there before" in await imported(lives, tmp_path / "there", url)
    (index,) = (tmp_path / "there" / "nats").glob("*.sqlite")
    index.unlink()
    assert await exported(tmp_path / "there", url) == lives


async def test_an_export_goes_through_several_streams_with_every_life_as_it_was(
    cluster: Cluster, tmp_path: Path, log_name: str
) -> None:
    """Between streams the order is that of the times, and two lives may have moved at the same one."""
    lives, url = await exported_lives(tmp_path / "file"), cluster.url(log_name, streams=3)
    await imported(lives, tmp_path / "there", url)
    between = await exported(tmp_path / "there", url)
    await imported(between, tmp_path / "back")

    assert sorted(between.splitlines()[:-1]) == sorted(lives.splitlines()[:-1])
    assert await exported(tmp_path / "back") == between
    await require_sound(tmp_path / "there", url)


async def test_an_adoption_takes_many_batches_and_keeps_the_order(
    cluster: Cluster, tmp_path: Path, log_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(adopting, "MESSAGES_AT_ONCE", 5)
    given = await what_another_log_recorded()
    store = await open_store(cluster.url(log_name), data=tmp_path)
    await store.adopt(given)

    assert placeless(await whole_log(store)) == placeless(given)
    await store.close()


@pytest.mark.parametrize("arrived", [True, False])
async def test_a_batch_that_gets_no_answer_is_there_once(
    cluster: Cluster, tmp_path: Path, log_name: str, monkeypatch: pytest.MonkeyPatch, arrived: bool
) -> None:
    given = await what_another_log_recorded()
    store = await open_store(cluster.url(log_name), data=tmp_path)
    ask, lost = Link.ask, []

    async def forgetful(link: Link, subject: str, payload: bytes, *more: Any) -> dict[str, Any]:
        if payload.startswith(b'{"type"') and not lost:
            lost.append(subject)
            if arrived:
                await ask(link, subject, payload, *more)
            raise Unanswered("it was lost")
        return await ask(link, subject, payload, *more)

    monkeypatch.setattr(Link, "ask", forgetful)
    await store.adopt(given)

    assert lost
    assert placeless(await whole_log(store)) == placeless(given)
    await store.close()


async def test_an_adoption_that_somebody_gets_into_is_broken_off(
    cluster: Cluster, tmp_path: Path, log_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await open_store(cluster.url(log_name), data=tmp_path)
    other = await open_store(cluster.url(log_name), data=tmp_path / "other")
    begin = adopting.Adoption.run

    async def late(adoption: adopting.Adoption) -> None:
        await record(other, command("meanwhile", move(ORDER, None)))
        await begin(adoption)

    monkeypatch.setattr(adopting.Adoption, "run", late)
    with pytest.raises(StoreUnavailable, match="somebody else"):
        await store.adopt(await what_another_log_recorded())

    assert [line.command for line in await whole_log(store)] == ["meanwhile"]
    await store.close()
    await other.close()


async def test_what_one_partition_refuses_no_other_records(cluster: Cluster, tmp_path: Path, log_name: str) -> None:
    store = await open_store(cluster.url(log_name, streams=3), data=tmp_path)
    both = [one for one in await what_another_log_recorded() if one.command == "both"]
    lamps = await _lamps_recorded_elsewhere()
    lamps[-1].version += 1
    for given in (both, lamps):
        with pytest.raises(CannotAdopt):
            await store.adopt(given)

    assert await whole_log(store) == []
    assert await head_of(store, Ref("lamp", "0")) is None
    await store.close()


async def _lamps_recorded_elsewhere() -> list[Any]:
    from statewright.stores.memory import MemoryStore

    log: EventStore = MemoryStore()
    lamps = [command(f"c-{number}", move(Ref("lamp", str(number)), None), now=NOON) for number in range(20)]
    return list(await record(log, *lamps))


async def test_who_only_reads_adopts_nothing(cluster: Cluster, tmp_path: Path, log_name: str) -> None:
    writer = await open_store(cluster.url(log_name), data=tmp_path)
    reader = await open_store(cluster.url(log_name), data=tmp_path, read_only=True)
    with pytest.raises(StoreUnavailable, match="opened to read"):
        await reader.adopt(await what_another_log_recorded())

    assert await whole_log(writer) == []
    await reader.close()
    await writer.close()
