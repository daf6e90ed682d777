"""The committer: groups decided on fresh heads, repeats answered from the log, doubt resolved before an answer."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from statewright.catalog import Catalog, UnknownRevision
from statewright.commands import Committer, Done, Failed, NotDone, SendEvent, SendTogether, Together, digest_of
from statewright.machine.compile import Machine
from statewright.machine.decide import Why
from statewright.machine.record import Actor, Head, Record, fold
from statewright.stores.memory import MemoryStore
from statewright.stores.words import Append, Conflict, Outcome, Ref, StoreFailed, StoreUncertain

LAMP = {
    "id": "lamp",
    "creation": "implicit",
    "keep": "*",
    "initial": "off",
    "schemas": {"context": {"properties": {"n": {}, "owner": {"personal": True}}}},
    "states": {
        "off": {"on": {"ON": "on", "BREAK": "broken"}},
        "on": {"on": {"OFF": {"target": "off", "context": {"n": {"@unset": True}}}, "NOTE": {}, "TURN": {"keep": "*"}}},
        "broken": {"type": "final"},
    },
}
ONE, TWO = Ref("lamp", "1"), Ref("lamp", "2")


@pytest.fixture
def catalog(tmp_path: Path) -> Catalog:
    made = Catalog.open(f"sqlite:///{tmp_path / 'catalog.sqlite'}", allow_unprotected_personal_data=True)
    made.register(json.dumps(LAMP).encode(), activate=True)
    return made


@pytest.fixture
async def committer(catalog: Catalog) -> AsyncIterator[Committer]:
    made = Committer(MemoryStore(), catalog)
    yield made
    await made.close()
    catalog.close()


def asked(ref: Ref, event: str | None, command: str | None = None, **more: Any) -> SendEvent:
    send = SendEvent(ref, event, command=command, **more)
    if command is not None:
        send.digest = digest_of(send)
    return send


async def test_events_sent_at_once_are_decided_in_their_order(committer: Committer) -> None:
    events = [asked(ONE, name) for name in ("ON", "OFF", "OFF", "ON")]

    answers = await committer.submit(events)

    assert [type(answer) for answer in answers] == [Done, Done, NotDone, Done]
    assert [answer.record.version for answer in answers if isinstance(answer, Done)] == [1, 2, 3]


async def test_a_repeat_gets_the_original_answer_and_records_nothing(committer: Committer) -> None:
    first = await committer.send(asked(ONE, "ON", "c-1"))
    again, changed = await committer.submit([asked(ONE, "ON", "c-1"), asked(ONE, "OFF", "c-1")])

    assert isinstance(first, Done)
    assert isinstance(again, Done)
    assert (again.replayed, again.record) == (True, first.record)
    assert isinstance(changed, NotDone)
    assert changed.refused.why is Why.ID_REUSED
    assert len((await committer.store.read("0", 10)).records) == 1


async def test_the_same_command_twice_in_one_group_is_recorded_once(committer: Committer) -> None:
    one, other = await committer.submit([asked(ONE, "ON", "c-1"), asked(ONE, "ON", "c-1")])

    assert isinstance(one, Done)
    assert isinstance(other, Done)
    assert [one.replayed, other.replayed] == [False, True]


async def test_a_repeat_is_known_however_long_the_life(committer: Committer) -> None:
    await committer.submit([asked(ONE, "OFF" if n % 2 else "ON", f"c-{n}") for n in range(150)])

    for n in (0, 63, 64, 149):
        answer = await committer.send(asked(ONE, "OFF" if n % 2 else "ON", f"c-{n}"))
        assert isinstance(answer, Done)
        assert (answer.replayed, answer.record.version) == (True, n + 1)


async def test_a_refused_command_sent_again_is_decided_again(committer: Committer) -> None:
    refused = await committer.send(asked(ONE, "OFF", "c-1"))
    await committer.send(asked(ONE, "ON"))
    taken = await committer.send(asked(ONE, "OFF", "c-1"))

    assert isinstance(refused, NotDone)
    assert isinstance(taken, Done)
    assert not taken.replayed


async def test_a_dry_run_decides_and_records_nothing(committer: Committer) -> None:
    answer = await committer.send(asked(ONE, "ON", dry_run=True))

    assert isinstance(answer, Done)
    assert (answer.dry_run, answer.record.to, answer.record.position) == (True, ("on",), 0)
    assert (await committer.store.read("0", 10)).records == []


async def test_events_sent_together_happen_all_or_not_at_all(committer: Committer) -> None:
    def together(*events: SendEvent) -> SendTogether:
        return SendTogether("t-1", digest_of(*events), events)

    refused = await committer.send_together(together(asked(ONE, "ON"), asked(TWO, "OFF")))
    nothing = (await committer.store.read("0", 10)).records
    done = await committer.send_together(together(asked(ONE, "ON"), asked(TWO, "ON"), asked(ONE, "OFF")))
    again = await committer.send_together(together(asked(ONE, "ON"), asked(TWO, "ON"), asked(ONE, "OFF")))

    assert isinstance(refused, Together)
    assert (refused.failed, nothing) == (1, [])
    assert isinstance(done, Together)
    assert [one.record.position for one in done.done] == [1, 2, 3]
    assert isinstance(again, Together)
    assert [one.record for one in again.done] == [one.record for one in done.done]


async def test_the_first_transition_under_a_revision_names_the_documents_digest(committer: Committer) -> None:
    answers = [await committer.send(asked(ONE, name)) for name in ("ON", "OFF")]

    digests = [answer.record.definition for answer in answers if isinstance(answer, Done)]

    assert digests == [committer.catalog.active("lamp").digest, None]  # type: ignore[union-attr]  # it is registered


async def test_personal_values_stand_apart_in_the_record(committer: Committer) -> None:
    answer = await committer.send(asked(ONE, "ON", data={"n": 1, "owner": "anna"}))

    assert isinstance(answer, Done)
    assert answer.record.changes == {"n": 1}
    assert answer.record.sealed["changes"] == {"owner": "anna"}


async def test_a_time_far_ahead_of_our_clock_is_refused(catalog: Catalog) -> None:
    committer = Committer(MemoryStore(), catalog, clock=lambda: 1_000_000_000)

    near, far = await committer.submit(
        [asked(ONE, "ON", occurred_at=1_299_000_000), asked(TWO, "ON", occurred_at=1_301_000_000)]
    )

    assert isinstance(near, Done)
    assert isinstance(far, NotDone)
    assert far.refused.why is Why.IN_THE_FUTURE


async def test_a_transition_before_what_has_happened_already_is_marked_late(committer: Committer) -> None:
    answers = await committer.submit(
        [asked(ONE, name, occurred_at=at) for name, at in (("ON", 9), ("OFF", 5), ("ON", 7))]
    )

    assert [answer.record.late for answer in answers if isinstance(answer, Done)] == [False, True, True]
    assert committer._heads[ONE].happened_at == 9  # type: ignore[union-attr]  # it was recorded


async def test_a_full_queue_turns_away_at_once(catalog: Catalog) -> None:
    committer = Committer(MemoryStore(), catalog, queue_limit=2)

    waiting = committer.submit([asked(ONE, "ON"), asked(TWO, "ON")])
    turned_away = await committer.send(asked(ONE, "OFF"))

    assert isinstance(turned_away, Failed)
    assert turned_away.code == "overloaded"
    assert all(isinstance(answer, Done) for answer in await waiting)


async def test_closing_finishes_what_was_accepted(catalog: Catalog) -> None:
    committer = Committer(MemoryStore(), catalog)
    waiting = committer.submit([asked(ONE, "ON")])

    await committer.close()

    assert isinstance((await waiting)[0], Done)
    assert isinstance(await committer.send(asked(ONE, "OFF")), Failed)


async def test_a_head_moved_behind_the_committers_back_is_read_again_before_a_refusal(catalog: Catalog) -> None:
    store = MemoryStore(sole_writer=False)
    here, there = Committer(store, catalog), Committer(store, catalog)
    await here.send(asked(ONE, "ON"))
    await there.send(asked(ONE, "OFF"))

    refused_there = await here.send(asked(ONE, "OFF"))
    taken_here = await here.send(asked(ONE, "ON", expected=2))
    await there.send(asked(ONE, "OFF"))
    loser = await here.send(asked(ONE, "NOTE"))

    assert isinstance(refused_there, NotDone)
    assert isinstance(taken_here, Done)
    assert isinstance(loser, NotDone)


async def test_a_refusal_that_rests_on_what_was_not_recorded_is_decided_again(catalog: Catalog) -> None:
    store = MemoryStore(sole_writer=False)
    here, there = Committer(store, catalog), Committer(store, catalog)
    await here.send(asked(ONE, "ON"))
    await there.send(asked(ONE, "OFF"))

    # As far as is known here the lamp is on: NOTE would make the version at which the other writer has put it out.
    note, broken = await here.submit([asked(ONE, "NOTE"), asked(ONE, "BREAK")])

    assert isinstance(note, NotDone)
    assert isinstance(broken, Done)


async def test_an_outcome_that_stays_unknown_names_the_command_to_send_again(catalog: Catalog) -> None:
    class Lost(MemoryStore):
        async def append(self, group: Sequence[Append]) -> Sequence[Outcome]:
            raise StoreFailed("the disk is gone")

    answer = await Committer(Lost(), catalog).send(asked(ONE, "ON"))

    assert isinstance(answer, Failed)
    assert (answer.code, bool(answer.command)) == ("outcome_unknown", True)


async def test_of_two_writers_with_the_same_expected_version_exactly_one_wins(catalog: Catalog) -> None:
    store = MemoryStore(sole_writer=False)
    writers = [Committer(store, catalog) for _ in range(4)]
    await writers[0].send(asked(ONE, "ON"))

    answers = await asyncio.gather(*(writer.send(asked(ONE, "TURN", expected=1)) for writer in writers * 5))

    assert sum(isinstance(answer, Done) for answer in answers) == 1
    assert {answer.refused.why for answer in answers if isinstance(answer, NotDone)} == {Why.VERSION_CONFLICT}


async def test_who_often_loses_to_another_writer_reads_heads_before_deciding(catalog: Catalog) -> None:
    class Counting(MemoryStore):
        conflicts = 0

        async def append(self, group: Sequence[Append]) -> Sequence[Outcome]:
            outcomes = await super().append(group)
            self.conflicts += sum(isinstance(outcome, Conflict) for outcome in outcomes)
            return outcomes

    store = Counting(sole_writer=False)
    here, there = Committer(store, catalog), Committer(store, catalog)
    for _ in range(60):
        assert isinstance(await here.send(asked(ONE, "ON")), Done)
        assert isinstance(await there.send(asked(ONE, "OFF")), Done)

    assert store.conflicts < 40, "heads were trusted, though most of them had moved"


class ForgetfulStore(MemoryStore):
    """Says of some appends that it does not know what became of them; `keeps` is whether they were recorded."""

    def __init__(self, *, keeps: bool) -> None:
        super().__init__()
        self.keeps = keeps
        self.doubts = 1

    async def append(self, group: Sequence[Append]) -> Sequence[Outcome]:
        if not self.doubts:
            return await super().append(group)
        self.doubts -= 1
        if self.keeps:
            await super().append(group)
        raise StoreUncertain("the line was cut")


@pytest.mark.parametrize("keeps", [True, False])
async def test_an_unknown_outcome_is_resolved_before_it_is_answered(catalog: Catalog, keeps: bool) -> None:
    committer = Committer(ForgetfulStore(keeps=keeps), catalog)

    answers = await committer.submit([asked(ONE, "ON", "c-1"), asked(ONE, "OFF"), asked(TWO, "ON")])

    assert [type(answer) for answer in answers] == [Done, Done, Done]
    versions = [(record.entity, record.version) for record in (await committer.store.read("0", 10)).records]
    assert sorted(versions) == [("1", 1), ("1", 2), ("2", 1)]


SENDS = st.lists(
    st.tuples(
        st.sampled_from([ONE, TWO]),
        st.sampled_from(["ON", "OFF", "NOTE", "TURN", "BREAK"]),
        st.dictionaries(st.sampled_from(["n", "owner"]), st.integers(0, 2) | st.none()),
        st.none() | st.integers(0, 10**15),
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SENDS)
def test_the_heads_kept_in_memory_are_what_the_log_adds_up_to(catalog: Catalog, sends: list[Any]) -> None:
    async def run() -> None:
        committer = Committer(MemoryStore(), catalog)
        for ref, event, data, occurred_at in sends:
            await committer.send(asked(ref, event, data=data, occurred_at=occurred_at, actor=Actor("anna")))
        folded: dict[Ref, Head] = {}
        records: Sequence[Record] = (await committer.store.read("0", 100)).records
        for record in records:
            folded[Ref(record.type, record.entity)] = fold(folded.get(Ref(record.type, record.entity)), record)
        for ref, head in folded.items():
            kept = committer._heads[ref]
            assert kept is not None
            head.size, head.key = kept.size, kept.key
            assert set(kept.personal) == set(head.personal)
            kept.personal = head.personal
            assert kept == head
        await committer.close()

    asyncio.run(run())


async def test_a_large_payload_does_not_wait_in_memory_with_its_refusal(committer: Committer) -> None:
    await committer.send(asked(ONE, "OFF", data={"n": "x" * 300_000}, size=300_020))

    (kept,) = committer.catalog.refusals.page().items
    assert (kept.why, kept.payload, kept.cut) == ("not_in_this_state", {}, True)


async def test_heads_that_grow_too_large_are_let_go_of(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("statewright.commands.committer.HEADS_BYTES", 50_000)
    committer = Committer(MemoryStore(), catalog)

    for number in range(40):
        await committer.send(asked(Ref("lamp", str(number)), "ON", data={"n": "x" * 5_000}))

    assert len(committer._heads) < 15
    answer = await committer.send(asked(Ref("lamp", "0"), "OFF"))
    assert isinstance(answer, Done)
    assert answer.record.version == 2


async def test_a_definition_that_cannot_be_had_fails_its_own_command_and_no_other_of_the_group(
    committer: Committer, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog.register(json.dumps({**LAMP, "id": "bulb"}).encode(), activate=True)
    bulb = Ref("bulb", "1")
    await committer.submit([asked(ONE, "ON"), asked(bulb, "ON")])
    machine_of = catalog.machine_of

    def lost(type: str, revision: int) -> Machine:
        if type == "lamp":
            raise UnknownRevision(type, revision)
        return machine_of(type, revision)

    monkeypatch.setattr(catalog, "machine_of", lost)
    failed, done = await committer.submit([asked(ONE, "OFF", "c-1"), asked(bulb, "OFF", "c-2")])

    assert isinstance(failed, Failed)
    assert (failed.code, failed.command) == ("store_unavailable", "c-1")
    assert isinstance(done, Done)


async def test_what_was_let_through_on_a_second_look_does_not_count_as_refused(catalog: Catalog) -> None:
    store = MemoryStore(sole_writer=False)
    here, there = Committer(store, catalog), Committer(store, catalog)
    await here.send(asked(ONE, "ON"))
    await there.send(asked(ONE, "OFF"))

    taken = await here.send(asked(ONE, "ON"))  # here the lamp is thought to be on already
    refused = await here.send(asked(ONE, "ON"))

    assert isinstance(taken, Done)
    assert isinstance(refused, NotDone)
    assert sum(each.count for each in catalog.refusals.counts("lamp")) == 1


async def test_what_one_process_activates_the_next_group_of_another_goes_by(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'catalog.sqlite'}"
    one, other = Catalog.open(url), Catalog.open(url)
    first = {**LAMP, "schemas": {}}
    second = {**first, "initial": "dim", "states": {**LAMP["states"], "dim": {"on": {"ON": "on"}}}}  # type: ignore[dict-item]
    one.register(json.dumps(first).encode(), activate=True)
    elsewhere = Committer(MemoryStore(), other)
    await elsewhere.send(asked(ONE, "ON"))

    one.register(json.dumps(second).encode(), activate=True)
    new, old = await elsewhere.submit([asked(TWO, None), asked(ONE, "OFF")])

    assert isinstance(new, Done)
    assert (new.record.revision, new.record.to) == (2, ("dim",))
    assert isinstance(old, Done)
    assert (old.record.revision, old.record.to) == (1, ("off",))  # who began under a revision stays on it
    await elsewhere.close()
    one.close()
    other.close()


ACTIVATING = """
import sys
from statewright.catalog import Catalog
catalog = Catalog.open(sys.argv[1])
print(catalog.register(sys.stdin.buffer.read(), activate=True).revision)
catalog.close()
"""


async def test_what_a_process_of_its_own_activates_and_retires_is_seen_as_well(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'catalog.sqlite'}"
    first = {**LAMP, "schemas": {}}
    catalog = Catalog.open(url)
    catalog.register(json.dumps(first).encode(), activate=True)
    committer = Committer(MemoryStore(), catalog)
    await committer.send(asked(ONE, "ON"))

    text = json.dumps({**first, "initial": "on"}).encode()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ACTIVATING, url, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate(text)
    new, old = await committer.submit([asked(TWO, None), asked(ONE, "OFF")])

    assert said.split() == [b"2"]
    assert isinstance(new, Done)
    assert (new.record.revision, new.record.to) == (2, ("on",))
    assert isinstance(old, Done)
    assert old.record.revision == 1
    catalog.retire("lamp", 2)
    refused = await committer.send(asked(Ref("lamp", "3"), None))
    assert isinstance(refused, NotDone)
    assert refused.refused.why is Why.UNKNOWN_TYPE
    await committer.close()
    catalog.close()
