"""Charts behind the committer: related entities in view, timers that fire, heads that are what the log says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from statewright.catalog import Catalog
from statewright.commands import Asking, Committer, Done, NotDone, SendEvent, SendTogether, Together, digest_of
from statewright.machine.decide import Why
from statewright.machine.record import Actor, Timer, fold
from statewright.stores.memory import MemoryStore
from statewright.stores.sqlite import SqliteStore
from statewright.stores.words import EventStore, Ref

SYSTEM = Actor("statewright:timer", ("system",))
CUSTOMER = {
    "id": "customer",
    "initial": "active",
    "schemas": {"context": {"properties": {"email": {"type": "string", "personal": True}, "limit": {}}}},
    "states": {"active": {"on": {"BLOCK": "blocked", "LIMIT": {"keep": ["limit"]}}}, "blocked": {}},
}
ORDER = {
    "id": "order",
    "keep": "*",
    "relations": {"customer": {"entity": "customer", "key": "customer_id"}},
    "initial": "open",
    "states": {
        "open": {
            "on": {
                "PAY": {"target": "paid", "guard": {"@expr": "in_state('active', related.customer)"}},
                "CHECK": {"target": "paid", "guard": {"@expr": "has(related.customer) && related.customer.limit > 5"}},
                "SPY": {"target": "paid", "guard": {"@expr": "related.customer.?email.orValue('') == 'x'"}},
                "GIVE": {"context": {"given": True}},
            },
        },
        "paid": {"type": "parallel", "after": {"PT1H": "late"}, "states": {
            "one": {"initial": "a", "states": {"a": {"on": {"E": "b"}}, "b": {"after": {"PT2H": "a"}}}},
            "two": {"initial": "x", "states": {"x": {}}},
            "h": {"type": "history", "history": "deep"},
        }, "on": {"HOLD": "held"}},
        "held": {"on": {"RESUME": "paid.h"}},
        "late": {},
    },
}  # fmt: skip
ONE = Ref("order", "1")
ANNA = Ref("customer", "anna")


class Clock:
    now = 1_000_000

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    made = Catalog.open(f"sqlite:///{tmp_path / 'catalog.sqlite'}", allow_unprotected_personal_data=True)
    for document in (CUSTOMER, ORDER):
        made.register(json.dumps(document).encode(), activate=True)
    return made


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[EventStore]:
    made: EventStore = MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "log.sqlite")
    yield made
    await made.close()


@pytest.fixture
async def committer(store: EventStore, catalog: Catalog) -> AsyncIterator[Committer]:
    made = Committer(store, catalog, clock=Clock())
    yield made
    await made.close()
    catalog.close()


def sent(ref: Ref, event: str | None, **more: Any) -> SendEvent:
    return SendEvent(ref, event, **more)


async def begun(committer: Committer, **data: Any) -> None:
    for send in (sent(ANNA, None, data={"email": "anna@example.org"}), sent(ONE, None, data=data)):
        assert isinstance(await committer.send(send), Done)


async def test_a_guard_sees_the_related_entity_and_the_record_says_at_which_version(committer: Committer) -> None:
    await begun(committer, customer_id="anna")
    await committer.send(sent(ANNA, "LIMIT", data={"limit": 9}))

    done = await committer.send(sent(ONE, "CHECK"))

    assert isinstance(done, Done)
    assert done.record.reads == {"customer": ("anna", 2)}


async def test_a_related_entity_that_moves_in_the_same_group_is_seen_as_it_then_is(committer: Committer) -> None:
    await begun(committer, customer_id="anna")

    blocked, refused = await committer.submit([sent(ANNA, "BLOCK"), sent(ONE, "PAY")])

    assert isinstance(blocked, Done)
    assert isinstance(refused, NotDone)
    assert refused.refused.why is Why.GUARD_REFUSED


async def test_the_key_counts_as_it_was_before_the_event(committer: Committer) -> None:
    await begun(committer)

    refused = await committer.send(sent(ONE, "CHECK", data={"customer_id": "anna"}))

    assert isinstance(refused, NotDone)
    assert refused.refused.why is Why.GUARD_REFUSED


async def test_a_relation_that_changes_within_a_group_is_read_before_the_next_event(committer: Committer) -> None:
    await begun(committer)
    answers = await committer.submit([
        sent(ONE, "GIVE", data={"customer_id": "anna"}), sent(ONE, "PAY"), sent(ONE, "E"),
    ])  # fmt: skip

    assert [type(answer) for answer in answers] == [Done, Done, Done]
    assert [answer.record.version for answer in answers if isinstance(answer, Done)] == [2, 3, 4]


async def test_a_relation_that_changes_within_one_command_is_read_too(committer: Committer) -> None:
    await begun(committer)
    sends = [sent(ONE, "GIVE", data={"customer_id": "anna"}), sent(ONE, "PAY")]

    answer = await committer.send_together(SendTogether("t-1", digest_of(*sends), sends))

    assert isinstance(answer, Together)
    assert [done.record.reads for done in answer.done] == [{}, {"customer": ("anna", 1)}]


@pytest.mark.parametrize("key", ["nobody", "a/b", 5, None])
async def test_a_relation_without_its_entity_is_absent(committer: Committer, key: Any) -> None:
    await begun(committer, customer_id=key)

    absent = await committer.send(sent(ONE, "CHECK"))
    failed = await committer.send(sent(ONE, "SPY"))

    assert isinstance(absent, NotDone)
    assert absent.refused.why is Why.GUARD_REFUSED
    assert isinstance(failed, NotDone)
    assert failed.refused.why is Why.GUARD_ERROR


async def test_personal_fields_of_a_related_entity_are_withheld(committer: Committer) -> None:
    await begun(committer, customer_id="anna")

    refused = await committer.send(sent(ONE, "SPY"))

    assert isinstance(refused, NotDone)
    assert refused.refused.explanation[0].withheld
    assert "anna@" not in str(refused.refused.explanation)


async def test_a_firing_is_recorded_once_under_its_own_command(committer: Committer) -> None:
    await begun(committer, customer_id="anna")
    done = await committer.send(sent(ONE, "PAY"))
    assert isinstance(done, Done)
    [timer] = done.record.timers_started
    firing = sent(ONE, None, command="sw:timer:paid:PT1H:2", timer=timer, actor=SYSTEM, occurred_at=timer.due)
    committer._clock.now = timer.due + 5  # type: ignore[attr-defined]  # the test's own clock

    first = await committer.send(firing)
    again = await committer.send(firing)

    assert isinstance(first, Done)
    assert isinstance(again, Done)
    assert (first.record.kind, first.record.event, first.record.to) == ("timer", "after.PT1H.paid", ("late",))
    assert (again.replayed, again.record.version) == (True, first.record.version)


async def test_a_stale_firing_is_refused_and_counted_nowhere(committer: Committer) -> None:
    await begun(committer, customer_id="anna")

    refused = await committer.send(sent(ONE, None, timer=Timer("paid", "PT1H", 5, 2), actor=SYSTEM))

    assert isinstance(refused, NotDone)
    assert refused.refused.why is Why.NOT_IN_THIS_STATE
    committer.catalog.refusals.flush()
    assert committer.catalog.refusals.latest() == []


async def test_heads_with_timers_and_history_are_what_the_records_add_up_to(
    committer: Committer, store: EventStore
) -> None:
    await begun(committer, customer_id="anna")
    for event in ("PAY", "E", *["HOLD", "RESUME"] * 8):  # beyond the version at which a head is written down
        assert isinstance(await committer.send(sent(ONE, event)), Done)
        head = None
        for record in await store.read_entity(ONE):
            head = fold(head, record)
        [stored] = await store.heads([ONE])
        cached = committer._heads[ONE]
        assert (head is not None and head.timers != ()) or event == "HOLD"
        assert head is not None
        assert stored is not None
        assert cached is not None
        assert (stored.timers, stored.history) == (head.timers, head.history) == (cached.timers, cached.history)
    assert head is not None
    assert head.leaves == ("paid.one.b", "paid.two.x")


async def test_what_may_happen_is_asked_of_related_entities_too(
    committer: Committer, store: EventStore, catalog: Catalog
) -> None:
    await begun(committer, customer_id="anna")
    asking = Asking(store, catalog)
    head = await asking.head(ONE)
    assert head is not None
    before = {one.event: one.allowed for one in await asking.allowed(ONE, head)}
    await committer.send(sent(ANNA, "BLOCK"))
    after = {one.event: one.allowed for one in await asking.allowed(ONE, head)}

    assert (before["PAY"], after["PAY"], before["E"]) == ("yes", "no", "no")
