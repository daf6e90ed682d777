"""What the catalogue promises about refusals: counted for good, the latest kept whole, personal values nowhere."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from statewright.catalog import Catalog, Refusal, refusals
from statewright.stores.words import BadPlace
from tests.postgresql import on_both

HOUR = 3_600_000_000
PATIENT = {
    "id": "patient",
    "initial": "in",
    "schemas": {
        "context": {"properties": {"name": {"type": "string", "personal": True}}},
        "events": {"RENAME": {"properties": {"name": {"type": "string", "personal": True}}}},
    },
    "states": {"in": {"on": {"RENAME": {"keep": ["name"]}, "GO": "out"}}, "out": {"type": "final"}},
}


def refusal(**what: Any) -> Refusal:
    usual = {
        "at": 500_000 * HOUR + 7,
        "type": "order",
        "entity": "42",
        "event": "PAY",
        "why": "not_in_this_state",
        "leaves": ("draft",),
        "revision": 1,
    }
    return Refusal(**(usual | what))


@pytest.fixture
def url(database: str) -> str:
    return database


@pytest.fixture
def catalog(url: str) -> Iterator[Catalog]:
    catalog = Catalog.open(url, allow_unprotected_personal_data=True)
    yield catalog
    catalog.close()


@on_both
def test_refusals_are_counted_by_state_event_and_reason(catalog: Catalog):
    for _ in range(3):
        catalog.refusals.note(refusal())
    catalog.refusals.note(refusal(event=None, leaves=(), why="entity_exists"))
    catalog.refusals.flush()
    catalog.refusals.note(refusal())

    counts = catalog.refusals.counts("order")

    assert [(c.leaves, c.event, c.why, c.count) for c in counts] == [
        (("draft",), "PAY", "not_in_this_state", 4),
        ((), None, "entity_exists", 1),
    ]


@on_both
def test_counts_are_by_the_hour_of_business_time(catalog: Catalog):
    catalog.refusals.note(refusal(occurred_at=10 * HOUR + 5))

    def count(since: int, until: int) -> int:
        return sum(c.count for c in catalog.refusals.counts("order", since, until))

    assert count(10 * HOUR, 11 * HOUR) == 1
    assert count(10 * HOUR + 9, 10 * HOUR + 10) == 1
    assert count(11 * HOUR, 12 * HOUR) == 0
    assert count(9 * HOUR, 10 * HOUR) == 0


@on_both
def test_refusals_outlive_a_restart(url: str, catalog: Catalog):
    catalog.refusals.note(refusal(detail="PAY is refused in draft"))
    catalog.close()

    again = Catalog.open(url)
    kept = again.refusals.page()
    again.close()

    assert kept.items[0].detail == "PAY is refused in draft"
    assert kept.items[0].leaves == ("draft",)


@on_both
def test_refusals_are_written_within_the_second(url: str, catalog: Catalog):
    catalog.refusals.note(refusal())
    other = Catalog.open(url)

    deadline = time.monotonic() + 5
    while not other.refusals.page().items and time.monotonic() < deadline:
        time.sleep(0.05)

    assert len(other.refusals.page().items) == 1
    other.close()


@on_both
def test_a_page_of_refusals_says_where_to_go_on(catalog: Catalog):
    for number in range(5):
        catalog.refusals.note(refusal(entity=str(number)))

    first = catalog.refusals.page(limit=3)
    second = catalog.refusals.page(limit=3, after=first.next)

    assert [item.entity for item in (*first.items, *second.items)] == ["0", "1", "2", "3", "4"]
    assert second.next is None


@on_both
@pytest.mark.parametrize("place", ["", "x", "-1", "1.5", "9" * 40, "²"])
def test_a_place_that_was_never_given_is_refused(catalog: Catalog, place: str):
    with pytest.raises(BadPlace):
        catalog.refusals.page(after=place)


@on_both
def test_refusals_are_found_by_type_leaf_event_and_reason(catalog: Catalog):
    catalog.refusals.note(refusal(leaves=("work.picking", "invoice.open")))
    catalog.refusals.note(refusal(leaves=("work",), event="SHIP", why="guard_refused", type="item"))

    def found(**filters: Any) -> int:
        return len(catalog.refusals.page(**filters).items)

    assert found(state="invoice.open") == 1
    assert found(state="work") == 1
    assert found(state="Work") == 0
    assert found(event="SHIP", why="guard_refused", type="item") == 1
    assert found(event="SHIP", type="order") == 0


@on_both
def test_only_the_latest_are_kept_whole(catalog: Catalog, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(refusals, "KEPT", 4)
    for number in range(6):
        catalog.refusals.note(refusal(entity=str(number)))
        catalog.refusals.flush()

    assert [item.entity for item in catalog.refusals.page().items] == ["2", "3", "4", "5"]
    assert catalog.refusals.counts("order")[0].count == 6


@on_both
def test_personal_values_never_reach_the_database(catalog: Catalog, tmp_path: Path):
    catalog.register(json.dumps(PATIENT).encode(), activate=True)
    told = {"name": "Anna Secret", "ward": "B"}
    catalog.refusals.note(
        refusal(type="patient", event="RENAME", payload=told, why="invalid_payload", detail="'Anna Secret' is too long")
    )

    kept = catalog.refusals.page().items[0]

    assert kept.payload == {"name": {"withheld": True}, "ward": "B"}
    assert not any(b"Anna Secret" in file.read_bytes() for file in tmp_path.iterdir())


@on_both
def test_nothing_sent_to_an_unknown_type_is_kept(catalog: Catalog):
    catalog.refusals.note(refusal(type="nobody", revision=0, why="unknown_type", payload={"name": "Anna"}, leaves=()))

    assert catalog.refusals.page().items[0].payload == {"name": {"withheld": True}}
    assert catalog.refusals.counts("nobody") == []
    assert catalog.refusals.counts("*")[0].count == 1


@on_both
def test_a_large_payload_is_cut(catalog: Catalog):
    catalog.register(json.dumps(PATIENT).encode(), activate=True)
    catalog.refusals.note(refusal(type="patient", payload={"x": "y" * 5_000}))

    kept = catalog.refusals.page().items[0]

    assert kept.cut
    assert kept.payload == {}


@on_both
def test_made_up_event_names_do_not_fill_the_counters(catalog: Catalog):
    for number in range(refusals.NAMES + 50):
        catalog.refusals.note(refusal(event=f"E{number}", why="unknown_event"))

    counts = catalog.refusals.counts("order")

    assert len(counts) == refusals.NAMES + 1
    assert (counts[0].event, counts[0].count) == ("*", 50)


@on_both
def test_what_could_not_be_written_stays_in_memory(catalog: Catalog, monkeypatch: pytest.MonkeyPatch):
    def fails(*_: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(catalog.refusals, "_write", fails)
        catalog.refusals.note(refusal(entity="1"))
        with pytest.raises(OSError, match="disk is full"):
            catalog.refusals.flush()
    catalog.refusals.note(refusal(entity="2"))

    assert [item.entity for item in catalog.refusals.page().items] == ["1", "2"]
    assert catalog.refusals.counts("order")[0].count == 2


@on_both
def test_the_latest_are_the_newest_first(catalog: Catalog) -> None:
    for number in range(5):
        catalog.refusals.note(refusal(entity=str(number), type="patient" if number % 2 else "nurse"))

    assert [one.entity for one in catalog.refusals.latest(limit=3)] == ["4", "3", "2"]
    assert [one.entity for one in catalog.refusals.latest("patient", limit=3)] == ["3", "1"]
