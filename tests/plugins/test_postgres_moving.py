"""A log moves from a file into PostgreSQL and back, and nothing of it changes on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from statewright.stores.words import StoreUnavailable, StoreUncertain
from statewright.testkit.store.moving import placeless, what_another_log_recorded
from statewright.testkit.store.writing import ORDER, head_of, whole_log
from statewright_postgres import open_store
from tests.plugins.cutting import wire_to
from tests.plugins.moving import exported, exported_lives, imported, require_sound


async def test_an_export_imported_there_and_exported_again_is_the_same_to_the_byte(
    new_log: Callable[[], str], tmp_path: Path
) -> None:
    lives, url = await exported_lives(tmp_path / "file"), new_log()
    await imported(lives, tmp_path / "there", url)

    assert await exported(tmp_path / "there", url) == lives
    await require_sound(tmp_path / "there", url)
    assert "of them were there before" in await imported(lives, tmp_path / "there", url)
    assert await exported(tmp_path / "there", url) == lives


@pytest.mark.parametrize(("lost", "stands"), [(b"", False), (b"COMMIT", True)])
async def test_an_adoption_whose_answer_was_lost_stands_whole_or_not_at_all(
    new_log: Callable[[], str], lost: bytes, stands: bool
) -> None:
    given = await what_another_log_recorded()
    with wire_to(new_log()) as (wire, through):
        store = await open_store(through, data=Path())
        wire.cut_after_request(lost)
        with pytest.raises(StoreUncertain):
            await store.adopt(given)

        assert (await head_of(store, ORDER) is not None) == stands
        if not stands:
            await store.adopt(given)
        assert placeless(await whole_log(store)) == placeless(given)
        await store.close()


async def test_of_an_adoption_that_is_given_up_all_is_recorded_or_nothing(new_log: Callable[[], str]) -> None:
    given = await what_another_log_recorded()
    store = await open_store(new_log(), data=Path())
    adopting = asyncio.create_task(store.adopt(given))
    await asyncio.sleep(0)
    adopting.cancel()
    await asyncio.gather(adopting, return_exceptions=True)

    assert placeless(await whole_log(store)) in ([], placeless(given))
    await store.close()


async def test_who_only_reads_adopts_nothing(new_log: Callable[[], str]) -> None:
    url = new_log()
    writer = await open_store(url, data=Path())
    reader = await open_store(url, data=Path(), read_only=True)
    with pytest.raises(StoreUnavailable, match="to be read"):
        await reader.adopt(await what_another_log_recorded())

    assert await whole_log(writer) == []
    await reader.close()
    await writer.close()
