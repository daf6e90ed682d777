"""What callers are told when the log fails them: never more than is known, and never anything twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest

from statewright.catalog import Catalog
from statewright.commands import Answer, Committer, Done, Failed, NotDone, SendEvent, SendTogether, digest_of
from statewright.machine.record import Record
from statewright.stores.memory import MemoryStore
from statewright.stores.words import (
    Append,
    Outcome,
    Ref,
    StoreFailed,
    StoreUnavailable,
    StoreUncertain,
)
from tests.acceptance.lamp import LAMP

HALL, ATTIC = Ref("lamp", "hall"), Ref("lamp", "attic")


class Faulty(MemoryStore):
    """A log that fails at the next append, in the way it is told to, and then recovers."""

    def __init__(self, *, sole_writer: bool = True) -> None:
        super().__init__(sole_writer=sole_writer)
        self.fault: Exception | None = None
        self.records_all_the_same = False
        self.cannot_be_asked = False

    async def append(self, group: Sequence[Append]) -> Sequence[Outcome]:
        fault, self.fault = self.fault, None
        if fault is None:
            return await super().append(group)
        if self.records_all_the_same:
            await super().append(group)
        raise fault

    async def find_command(self, ref: Ref, command: str) -> Sequence[Record]:
        if self.cannot_be_asked:
            raise StoreUnavailable("nobody is there to ask")
        return await super().find_command(ref, command)


@pytest.fixture
def store() -> Faulty:
    return Faulty()


@pytest.fixture
def catalog(tmp_path: Path):
    catalog = Catalog.open(f"sqlite:///{tmp_path / 'catalog.sqlite'}")
    catalog.register(LAMP, activate=True)
    yield catalog
    catalog.close()


@pytest.fixture
async def committer(store: Faulty, catalog: Catalog) -> AsyncIterator[Committer]:
    committer = Committer(store, catalog)
    yield committer
    await committer.close()


def switch(ref: Ref = HALL, command: str | None = "c-1", event: str = "SWITCH", **more) -> SendEvent:
    send = SendEvent(ref, event, command=command, **more)
    send.digest = digest_of(send) if command else ""
    return send


def done(answer: Answer) -> Done:
    assert isinstance(answer, Done), answer
    return answer


def failed(answer: Answer) -> Failed:
    assert isinstance(answer, Failed), answer
    return answer


async def lines(store: MemoryStore) -> list[tuple[str, int, str]]:
    """The whole log as entity, version and command."""
    return [(line.entity, line.version, line.command) for line in (await store.read("0", 1_000)).records]


async def test_a_log_that_cannot_be_written_is_unavailable_and_nothing_happened(committer: Committer, store: Faulty):
    store.fault = StoreUnavailable("the disk is full")

    answer = failed(await committer.send(switch()))
    assert (answer.code, answer.command) == ("store_unavailable", "c-1")
    assert "the disk is full" in answer.detail
    assert await lines(store) == []


async def test_after_an_unavailable_log_the_same_command_is_simply_decided(committer: Committer, store: Faulty):
    await committer.send(switch(command="c-0"))
    store.fault = StoreUnavailable("locked")
    await committer.send(switch())

    again = done(await committer.send(switch()))
    assert (again.record.version, again.replayed) == (2, False)
    assert await lines(store) == [("hall", 1, "c-0"), ("hall", 2, "c-1")]


async def test_an_uncertain_commit_that_went_through_is_answered_as_done(committer: Committer, store: Faulty):
    store.fault, store.records_all_the_same = StoreUncertain("the connection broke"), True

    answer = done(await committer.send(switch()))
    assert (answer.record.version, answer.record.position, answer.record.to) == (1, 1, ("on",))
    assert answer.record.recorded_at > 0
    assert await lines(store) == [("hall", 1, "c-1")]


async def test_an_uncertain_commit_that_did_not_go_through_is_decided_again(committer: Committer, store: Faulty):
    store.fault = StoreUncertain("the connection broke")

    answer = done(await committer.send(switch()))
    assert (answer.record.version, answer.record.position) == (1, 1)
    assert await lines(store) == [("hall", 1, "c-1")]


@pytest.mark.parametrize("went_through", [True, False])
async def test_a_group_whose_outcome_was_uncertain_is_answered_in_order(
    committer: Committer, store: Faulty, went_through: bool
):
    store.fault, store.records_all_the_same = StoreUncertain("the connection broke"), went_through
    sends = [switch(command="c-1"), switch(ATTIC, command="c-2"), switch(command="c-3"), switch(command=None)]

    answers = [done(answer) for answer in await committer.submit(sends)]
    assert [(one.record.entity, one.record.version) for one in answers] == [
        ("hall", 1),
        ("attic", 1),
        ("hall", 2),
        ("hall", 3),
    ]
    assert [one.record.position for one in answers] == [1, 2, 3, 4]
    assert len(await lines(store)) == 4


@pytest.mark.parametrize("went_through", [True, False])
async def test_what_cannot_be_found_out_is_unknown_and_can_be_asked_again(
    committer: Committer, store: Faulty, went_through: bool
):
    store.fault, store.records_all_the_same = StoreUncertain("the connection broke"), went_through
    store.cannot_be_asked = True
    answer = failed(await committer.send(switch(command=None)))
    assert answer.code == "outcome_unknown"
    assert answer.command, "without the command's id the caller cannot ask again"

    store.cannot_be_asked = False
    again = done(await committer.send(switch(command=answer.command)))
    assert (again.record.version, again.replayed) == (1, went_through)
    assert len(await lines(store)) == 1


@pytest.mark.parametrize("went_through", [True, False])
async def test_all_or_nothing_holds_through_an_uncertain_commit(
    committer: Committer, store: Faulty, went_through: bool
):
    store.fault, store.records_all_the_same = StoreUncertain("the connection broke"), went_through
    sends = [switch(command=None), switch(ATTIC, command=None), switch(command=None)]

    together = await committer.send_together(SendTogether("all", digest_of(*sends), sends))
    assert not isinstance(together, Failed)
    assert [one.record.position for one in together.done] == [1, 2, 3]
    assert await lines(store) == [("hall", 1, "all"), ("attic", 1, "all"), ("hall", 2, "all")]


async def test_heads_that_were_touched_by_a_failed_commit_are_read_anew(committer: Committer, store: Faulty):
    await committer.send(switch(command="c-0"))
    store.fault = StoreUnavailable("locked")
    await committer.send(switch(command="c-1"))
    await store_behind(store, switch(command="c-2"), committer)

    answer = done(await committer.send(switch(command="c-3")))
    assert (answer.record.version, answer.record.to) == (3, ("off",))


async def store_behind(store: MemoryStore, send: SendEvent, committer: Committer) -> None:
    """Record something by another committer on the same log."""
    other = Committer(store, committer.catalog)
    done(await other.send(send))
    await other.close()


async def test_a_medium_that_cannot_be_trusted_ends_the_process(store: Faulty, catalog: Catalog):
    ended: list[bool] = []
    committer = Committer(store, catalog, failed=lambda: ended.append(True))
    store.fault = StoreFailed("fsync failed")

    answer = failed(await committer.send(switch()))
    await committer.close()
    assert (answer.code, answer.command) == ("outcome_unknown", "c-1")
    assert ended == [True]


# --- a second writer behind the committer's back


@pytest.fixture
def shared(catalog: Catalog) -> Callable[[], Committer]:
    """Makes committers on one log that others write too."""
    store = Faulty(sole_writer=False)
    return lambda: Committer(store, catalog)


async def test_whoever_was_overtaken_is_decided_again_on_the_fresh_head(shared: Callable[[], Committer]):
    one, other = shared(), shared()
    await one.send(switch(command="c-0"))
    await other.send(switch(command="c-1"))

    answer = done(await one.send(switch(command="c-2")))
    assert (answer.record.version, answer.record.from_, answer.record.to) == (3, ("dim",), ("off",))


async def test_an_expected_version_is_compared_with_the_fresh_head(shared: Callable[[], Committer]):
    one, other = shared(), shared()
    await one.send(switch(command="c-0"))
    await other.send(switch(command="c-1"))

    right = done(await one.send(switch(command="c-2", expected=2)))
    assert right.record.version == 3
    wrong = await other.send(switch(command="c-3", expected=2))
    assert isinstance(wrong, NotDone)
    assert wrong.refused.why == "version_conflict"
    assert wrong.head is not None
    assert wrong.head.version == 3


async def test_a_refusal_is_decided_on_the_fresh_head(shared: Callable[[], Committer]):
    one, other = shared(), shared()
    await one.send(switch(command="c-0"))
    await other.send(switch(command="c-1", event="BREAK"))

    refusal = await one.send(switch(command="c-2"))
    assert isinstance(refusal, NotDone)
    assert refusal.refused.why == "final"
    assert refusal.head is not None
    assert (refusal.head.version, refusal.head.leaves) == (2, ("broken",))


async def test_a_command_that_another_process_recorded_gets_its_first_answer(shared: Callable[[], Committer]):
    one, other = shared(), shared()
    await one.send(switch(command="c-0"))
    first = done(await other.send(switch(command="c-1")))

    again = done(await one.send(switch(command="c-1")))
    assert again.replayed
    assert (again.record.version, again.record.position) == (2, 2)
    assert again.record.recorded_at == first.record.recorded_at


async def test_a_command_id_that_another_process_used_otherwise_is_refused(shared: Callable[[], Committer]):
    one, other = shared(), shared()
    await one.send(switch(command="c-0"))
    await other.send(switch(command="c-1"))

    refusal = await one.send(switch(command="c-1", event="BREAK"))
    assert isinstance(refusal, NotDone)
    assert refusal.refused.why == "id_reused"
    assert len(await lines(one.store)) == 2


async def test_racing_committers_leave_one_history_without_gaps(shared: Callable[[], Committer]):
    committers = [shared() for _ in range(3)]
    asked = [one.send(switch(command=f"c-{n}-{m}")) for n in range(20) for m, one in enumerate(committers)]
    answers = [done(answer) for answer in await asyncio.gather(*asked)]

    assert sorted(answer.record.version for answer in answers) == list(range(1, 61))
    assert [version for _, version, _ in await lines(committers[0].store)] == list(range(1, 61))
