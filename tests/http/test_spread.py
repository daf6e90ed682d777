"""What callers meet where the log is spread over partitions."""

from __future__ import annotations

import pytest

from statewright.machine.record import Record
from statewright.stores.memory import MemoryStore
from statewright.stores.words import Place, Ref, Spreads
from tests.http.conftest import Server


class Halves(MemoryStore):
    """A log that says it has two partitions: one for the ids that begin with a letter up to m, one for the others."""

    def partition_of(self, ref: Ref) -> int:
        return int(ref.id > "m")

    def place_of(self, record: Record) -> Place:
        return f"{int(record.entity > 'm')}:{record.position}"


@pytest.fixture
async def halved(server: Server) -> Server:
    server.rooms.committer.store = server.rooms.asking.store = Halves()
    return server


async def together(server: Server, *ids: str) -> tuple[int, dict[str, object]]:
    body = [{"type": "light", "entity": id, "event": "NEXT"} for id in ids]
    answer = await server.post("/commands?atomic=true", body, Idempotency_Key="once")
    return answer.status_code, answer.json()


async def test_all_or_nothing_over_two_partitions_is_a_422_that_says_what_to_do(halved: Server):
    status, problem = await together(halved, "a", "z")

    assert (status, problem["type"]) == (422, "/problems/several_partitions")
    assert (await halved.rooms.committer.store.read("0", 1)).records == []


async def test_all_or_nothing_within_one_partition_is_recorded(halved: Server):
    status, _ = await together(halved, "a", "b")

    assert status == 201


def test_a_log_of_one_partition_does_not_say_that_it_spreads():
    assert not isinstance(MemoryStore(), Spreads)
    assert isinstance(Halves(), Spreads)
