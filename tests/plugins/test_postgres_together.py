"""Several processes on one log in PostgreSQL: readers that follow 32 writers miss nothing, and see it in order."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from statewright.stores.words import START
from statewright_postgres import open_store

PROCESSES, WRITERS, READERS = 4, 8, 4
EVENTS = int(os.environ.get("STATEWRIGHT_EVENTS_PER_WRITER", "12"))
ENDS_WITHIN_S = 300

WRITING = """
import asyncio, sys
from pathlib import Path
from statewright.catalog import Catalog
from statewright.commands import Committer
from statewright.commands.words import Done, SendEvent, digest_of
from statewright.stores.words import Ref
from statewright_postgres import open_store
from tests.acceptance.lamp import LAMP

async def write(committer, name, events):
    for number in range(events):
        send = SendEvent(Ref("lamp", f"lamp-{number % 7}"), "SWITCH", {}, f"{name}-{number}")
        send.digest = digest_of(send)
        answer = await committer.send(send)
        assert isinstance(answer, Done), answer
        print(answer.record.command, answer.record.position)

async def main(url, folder, process, writers, events):
    catalog = Catalog.open(f"sqlite:///{folder}/catalog-{process}.sqlite")
    catalog.register(LAMP, activate=True)
    store = await open_store(url, data=Path(folder))
    committer = Committer(store, catalog)
    await asyncio.gather(*(write(committer, f"{process}-{name}", events) for name in range(writers)))
    await committer.close()
    await store.close()
    catalog.close()

asyncio.run(main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])))
"""


async def test_readers_that_follow_miss_nothing_while_processes_write(
    new_log: Callable[[], str], tmp_path: Path
) -> None:
    url, total = new_log(), PROCESSES * WRITERS * EVENTS
    await (await open_store(url, data=tmp_path)).close()  # there is a log for the readers
    following = [asyncio.create_task(_follow(url, total)) for _ in range(READERS)]
    writing = [
        await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", WRITING, url, str(tmp_path), str(number), str(WRITERS), str(EVENTS)),
            stdout=subprocess.PIPE,
        )
        for number in range(PROCESSES)
    ]
    told: dict[str, int] = {}
    for process in writing:
        said, _ = await process.communicate()
        assert process.returncode == 0
        told.update((line.split()[0], int(line.split()[1])) for line in said.decode().splitlines())
    seen = await asyncio.gather(*following)

    assert len(told) == total
    for lines in seen:
        assert [position for _, position, _, _ in lines] == sorted({position for _, position, _, _ in lines})
        assert {command: position for command, position, _, _ in lines} == told
        versions: Counter[str] = Counter()
        for _, _, entity, version in lines:
            versions[entity] += 1
            assert version == versions[entity]


async def _follow(url: str, total: int) -> list[tuple[str, int, str, int]]:
    """What a reader sees that reads as soon as there is something, in small batches."""
    store = await open_store(url, data=Path(), read_only=True)
    lines: list[tuple[str, int, str, int]] = []
    place = START
    async with asyncio.timeout(ENDS_WITHIN_S):
        while len(lines) < total:
            await store.wait(place, 60)
            batch = await store.read(place, 7)
            lines += [(line.command, line.position, line.entity, line.version) for line in batch.records]
            place = batch.place
    await store.close()
    return lines
