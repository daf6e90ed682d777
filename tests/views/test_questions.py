"""What the views answer: pages at any depth, pictures of the past, lengths of stays, and when to ask again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statewright.consolidators import opened
from statewright.consolidators.lengths import class_of
from statewright.machine.record import Actor
from statewright.stores.memory import MemoryStore
from statewright.stores.words import BadPlace, Ref
from statewright.views import EntityPage, NotThereYet, Order, Views
from tests.consolidators.histories import HOUR, VIEWS, Chronicle, running

SECOND = 1_000_000


class Scene:
    """A log, its views, and a way to have something happen and see it in the views."""

    def __init__(self, views: Views, store: MemoryStore) -> None:
        self.views = views
        self.store = store
        self.chronicle = Chronicle(store)

    async def show(self) -> None:
        await self.chronicle.write()
        for name in VIEWS:
            assert await self.views.wait_for(name, await self.store.latest_place(), 60)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    store = MemoryStore()
    engine = opened(f"sqlite:///{tmp_path}/views.sqlite")
    views = Views(engine, store.compare_places)
    async with running(store, engine):
        yield Scene(views, store)
    views.close()


async def forty_orders(scene: Scene) -> None:
    """Forty orders in three states, and three tickets; touched in the order of their numbers."""
    for number in range(40):
        scene.chronicle.add(Ref("order", f"o-{number:02}"), (("open",), ("paid",), ("sent.by_post",))[number % 3])
    for number in range(3):
        scene.chronicle.add(Ref("ticket", f"t_{number}"), ("open",))
    await scene.show()


def walk(views: Views, limit: int, **wanted: object) -> list[str]:
    pages: list[EntityPage] = []
    after: str | None = None
    while not pages or after is not None:
        pages.append(views.entities(limit=limit, after=after, **wanted))  # type: ignore[arg-type]
        after = pages[-1].next
    assert all(len(page.items) == limit for page in pages[:-1])
    return [row.entity for page in pages for row in page.items]


ORDERS = [f"o-{number:02}" for number in range(40)]
TICKETS = ["t_0", "t_1", "t_2"]


@pytest.mark.parametrize("limit", [1, 7, 100])
@pytest.mark.parametrize(
    ("order", "all_of_them"),
    [("newest", [*ORDERS, *TICKETS][::-1]), ("oldest", [*ORDERS, *TICKETS]), ("id", [*ORDERS, *TICKETS])],
)
async def test_pages_of_any_size_make_up_the_whole_list(scene: Scene, limit: int, order: Order, all_of_them: list[str]):
    await forty_orders(scene)

    assert walk(scene.views, limit, order=order) == all_of_them


@pytest.mark.parametrize("order", ["newest", "oldest", "id"])
async def test_a_list_is_narrowed_by_type_state_and_part_of_the_id(scene: Scene, order: Order):
    await forty_orders(scene)
    views = scene.views

    assert sorted(walk(views, 2, type="ticket", order=order)) == TICKETS
    assert sorted(walk(views, 5, type="order", states=["paid"], order=order)) == ORDERS[1::3]
    assert sorted(walk(views, 5, states=["sent", "paid"], order=order)) == sorted(ORDERS[1::3] + ORDERS[2::3])
    assert sorted(walk(views, 5, states=["open"], q="_1", order=order)) == ["t_1"]
    assert sorted(walk(views, 5, q="o-1", order=order)) == ORDERS[10:20]
    assert walk(views, 5, states=["nowhere"], order=order) == []
    assert walk(views, 5, q="%", order=order) == []


async def test_many_entities_in_the_wanted_states_are_walked_by_id(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    await forty_orders(scene)
    monkeypatch.setattr("statewright.views.listing._FEW", 0)

    assert walk(scene.views, 5, states=["paid"], order="id") == ORDERS[1::3]


async def test_a_walk_from_the_oldest_on_misses_nobody_who_moves_meanwhile(scene: Scene):
    await forty_orders(scene)
    first = scene.views.entities("order", order="oldest", limit=20)
    scene.chronicle.add(Ref("order", "o-25"), ("paid",))
    scene.chronicle.add(Ref("order", "o-05"), ("paid",))
    await scene.show()

    rest = scene.views.entities("order", order="oldest", limit=100, after=first.next)

    assert {row.entity for row in [*first.items, *rest.items]} == set(ORDERS)


@pytest.mark.parametrize(("order", "after"), [("newest", "o-12"), ("oldest", "-1"), ("id", "order"), ("id", "/x")])
async def test_an_after_that_no_page_gave_is_refused(scene: Scene, order: Order, after: str):
    await forty_orders(scene)

    with pytest.raises(ValueError, match="hand `next` back as it came"):
        scene.views.entities(order=order, after=after)


async def test_a_list_of_the_past_shows_who_was_where(scene: Scene):
    await forty_orders(scene)
    place = await scene.store.latest_place()
    for number in range(40):
        scene.chronicle.add(Ref("order", f"o-{number:02}"), ("gone",))
    await scene.show()

    assert walk(scene.views, 5, type="order", states=["sent"], place=place) == ORDERS[2::3]
    assert walk(scene.views, 5, type="order", q="o-3", place=place) == ORDERS[30:40]
    assert walk(scene.views, 5, place="3") == ORDERS[:3]
    assert scene.views.entities(place="1").items[0].version is None


async def test_what_a_row_says_is_what_the_entity_is(scene: Scene):
    began = scene.chronicle.now + 1_000
    actor = Actor("anna", ("clerk",))
    scene.chronicle.add(Ref("order", "1"), ("open",), changes={"total": 5}, sealed={"changes": {"name": "Ann"}})
    scene.chronicle.add(Ref("order", "1"), ("open",), took=HOUR, revision=2, actor=actor)
    scene.chronicle.add(Ref("order", "1"), ("a", "b"), took=HOUR, changes={"total": 6}, occurred_at=began + 1)
    await scene.show()

    (row,) = scene.views.entities().items

    assert (row.state, row.leaves, row.version, row.revision, row.actor) == (("a", "b"), ("a", "b"), 3, 1, "anonymous")
    assert (row.data, row.personal) == ({"total": 6}, {"name": "Ann"})
    assert (row.created_at, row.happened_at) == (began, began + HOUR)
    assert row.since == began + HOUR  # the late transition does not turn the clock back
    assert row.recorded_at == began + 2 * HOUR


async def test_a_place_ahead_of_the_view_is_not_there_yet(scene: Scene):
    await forty_orders(scene)

    with pytest.raises(NotThereYet) as raised:
        scene.views.counts("order", place="44")

    assert (raised.value.wanted, raised.value.place) == ("44", "43")


@pytest.mark.parametrize("place", ["", "x", "-1", "1.5", "01", "9" * 30, "٣"])
async def test_what_is_no_place_is_a_bad_place(scene: Scene, place: str):
    await forty_orders(scene)

    with pytest.raises(BadPlace):
        scene.views.counts("order", place=place)


async def test_stays_answer_with_the_lengths_of_those_that_ended(scene: Scene):
    for number in range(1, 101):
        ref = Ref("order", str(number))
        scene.chronicle.add(ref, ("open",), occurred_at=0)
        scene.chronicle.add(ref, ("closed",), occurred_at=number * SECOND)
    await scene.show()

    closed, opened_ = scene.views.stays("order").items

    assert (closed.state, closed.ended, closed.open, closed.seconds) == ("closed", 0, 100, None)
    assert (opened_.state, opened_.ended, opened_.open) == ("open", 100, 0)
    assert opened_.seconds is not None
    assert (opened_.seconds.p50, opened_.seconds.p90, opened_.seconds.p95, opened_.seconds.p99) == (50, 90, 95, 99)
    assert (opened_.seconds.mean, opened_.seconds.longest) == (50.5, 100)


@given(st.integers(0, 2**62), st.integers(0, 2**62))
def test_a_longer_stay_is_never_in_a_lower_class(one: int, other: int):
    assert (class_of(one) <= class_of(other)) or one > other


@given(st.integers(32, 2**62))
def test_a_class_is_about_three_percent_wide(length: int):
    assert class_of(length) < class_of(length + length // 31 + 1)


async def test_flow_counts_within_the_hours_asked_for(scene: Scene):
    noon = 1_700_002_800_000_000 // HOUR * HOUR
    for number, at in enumerate([noon, noon + 1, noon + HOUR, noon + 5 * HOUR]):
        scene.chronicle.add(Ref("order", str(number)), ("open",), None, occurred_at=at, revision=1 + number % 2)
    await scene.show()
    views = scene.views

    (whole,) = views.flow("order").transitions
    (first,) = views.flow("order", from_=noon + 5, to=noon + HOUR).transitions
    (second,) = views.flow("order", revision=2).transitions

    assert (whole.from_, whole.event, whole.to, whole.count) == (None, None, "open", 4)
    assert (first.count, second.count) == (2, 2)
    assert [hour.count for hour in views.hours("order", from_=noon - HOUR, to=noon + 3 * HOUR)] == [0, 2, 1, 0]
    assert views.flow("nothing").transitions == []


async def test_the_overview_shows_each_type_its_trend_and_who_has_stalled(scene: Scene):
    now = scene.chronicle.now
    scene.chronicle.add(Ref("order", "old"), ("open",), occurred_at=now - 50 * HOUR)
    scene.chronicle.add(Ref("order", "older"), ("closed",), occurred_at=now - 70 * HOUR)
    scene.chronicle.add(Ref("order", "new"), ("open",), occurred_at=now)
    scene.chronicle.add(Ref("order", "new"), ("open",), occurred_at=now)
    await scene.show()

    (order,) = scene.views.overview(now, {"order": {"closed"}}).types

    assert (order.type, order.total, order.states) == ("order", 3, {"open": 2, "closed": 1})
    assert (order.last_24h, len(order.trend), order.trend[-1].count) == (2, 24, 2)
    assert [row.entity for row in order.stalled] == ["old", "new"]
    assert scene.views.types() == ["order"]


async def test_whoever_waits_for_a_place_is_told_when_the_view_is_there(scene: Scene):
    await forty_orders(scene)

    assert await scene.views.wait_for("stays", "43", 60)
    assert not await scene.views.wait_for("stays", "44", 0.05)
    waiting = asyncio.create_task(scene.views.wait_for("stays", "44", 60))
    await asyncio.sleep(0.05)
    scene.chronicle.add(Ref("order", "new"), ("open",))
    await scene.chronicle.write()
    assert await waiting


async def test_a_mark_changes_when_a_view_moves_and_not_otherwise(scene: Scene):
    await forty_orders(scene)
    mark = await scene.views.changed("", 1)
    while (later := await scene.views.changed(mark, 0.1)) != mark:
        mark = later

    assert await scene.views.changed(mark, 0.05) == mark
    scene.chronicle.add(Ref("order", "new"), ("open",))
    await scene.chronicle.write()
    assert await scene.views.changed(mark, 5) != mark
