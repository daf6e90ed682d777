"""The questions that pages and services ask of the read models, each answered from one read transaction."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Engine

from statewright.consolidators.flow import HOUR
from statewright.consolidators.words import leaves_of_state
from statewright.machine.moments import Micros
from statewright.stores.sealing import Key, KeysUnavailable, opened
from statewright.stores.words import Place, Ref
from statewright.views import counting, deadlines, dwelling, listing, relating, ways
from statewright.views import standing as standings
from statewright.views.answers import (
    ConfigurationTally,
    Counts,
    EntityPage,
    EntityRow,
    Flow,
    HourCount,
    NotBuiltYet,
    Overview,
    RevisionCount,
    Standing,
    Stays,
    Tally,
    TypeOverview,
    state_of,
)
from statewright.views.deadlines import BEGINNING, Cursor, DeadlinePage
from statewright.views.listing import Order, Wanted
from statewright.views.measures import Dwell, Funnel, HandOvers, References, Related, Rework, Throughput, Variants
from statewright.views.moment import Basis, moment_of
from statewright.views.periods import Step, period_of
from statewright.views.query import Query, narrowed, written
from statewright.views.reading import Cache, View, compare_positions, reading, view_of
from statewright.views.watching import Watching

_DAY = 24
T = TypeVar("T")


class Views:
    """Answers from the views database at `engine`. Synchronous: call it from a worker thread.

    `compare_places` is the store's. Every question may raise NotBuiltYet while its view is built for the first time.
    """

    def __init__(
        self,
        engine: Engine,
        compare_places: Callable[[Place, Place], int] = compare_positions,
        keys: Callable[[Collection[Ref]], Mapping[Ref, Sequence[Key]]] | None = None,
    ) -> None:
        """`keys` gives the keys of entities whose personal values are encrypted; None where nothing is."""
        self._engine = engine
        self._keys = keys
        self._compare = compare_places
        self._cache = Cache()
        self._watching: Watching | None = None

    def counts(
        self, type: str, *, place: Place | None = None, at: Micros | None = None, basis: Basis = "recorded"
    ) -> Counts:
        """Entities of `type` per leaf and per configuration: now, at a place, or at a moment.

        Raises NotThereYet for a place ahead of the view, BadPlace for what is no place.
        """
        if place is None and at is None:
            with reading(self._engine, "entities") as view:
                return counting.counts_now(view, type)
        with reading(self._engine, "stays") as view:
            moment = moment_of(view, place, at, basis)
            assert moment is not None
            answered_at = view.place if place is None else place
            return self._cache.given(
                ("counts", type, moment),
                (view.generation, answered_at),
                lambda: counting.counts_then(view, type, moment, answered_at),
            )

    def by_revision(self, type: str) -> list[RevisionCount]:
        """How many entities live under which revision of `type`, and where; a moment old where there are very many."""
        with reading(self._engine, "entities") as view:
            return self._cache.recent(("by_revision", type, view.generation), lambda: counting.by_revision(view, type))

    def stays(self, type: str) -> Stays:
        """How long entities of `type` rested in each leaf."""
        with reading(self._engine, "stays") as view:
            basis = (view.generation, view.place)
            return self._cache.given(("stays", type), basis, lambda: dwelling.stays(view, type))

    def flow(
        self, type: str, *, from_: Micros | None = None, to: Micros | None = None, revision: int | None = None
    ) -> Flow:
        """How often each transition of `type` happened in the business hours that overlap `from_` <= t < `to`."""
        with reading(self._engine, "flow") as view:
            question = ("flow", type, from_, to, revision)
            basis = (view.generation, view.place)
            return self._cache.given(question, basis, lambda: counting.flow(view, type, from_, to, revision))

    def variants(
        self,
        type: str,
        *,
        from_: Micros | None = None,
        to: Micros | None = None,
        revision: int | None = None,
        limit: int = 20,
    ) -> Variants:
        """The most frequent paths of the entities of `type` that began in the days that overlap `from_` <= t < `to`.

        `revision` is the one that they began under, None for any.
        """
        period = period_of(from_, to, revision)
        return self._kept("variants", "paths", (type, period, limit), ways.variants)

    def rework(
        self, type: str, *, from_: Micros | None = None, to: Micros | None = None, revision: int | None = None
    ) -> Rework:
        """What the entities of `type` that began in a period did again. Period and revision as for `variants`."""
        return self._kept("variants", "rework", (type, period_of(from_, to, revision)), ways.rework)

    def funnel(
        self, type: str, *, from_: Micros | None = None, to: Micros | None = None, revision: int | None = None
    ) -> Funnel:
        """How far the entities of `type` that began in a period came. Period and revision as for `variants`."""
        return self._kept("variants", "funnel", (type, period_of(from_, to, revision)), ways.funnel)

    def hand_overs(
        self,
        type: str,
        *,
        from_: Micros | None = None,
        to: Micros | None = None,
        revision: int | None = None,
        limit: int = 20,
    ) -> HandOvers:
        """The most frequent hand-overs between actors in the days that overlap a stretch of business time."""
        period = period_of(from_, to, revision)
        return self._kept("variants", "hand_overs", (type, period, limit), ways.hand_overs)

    def throughput(
        self,
        type: str,
        ended: ways.Ended,
        *,
        from_: Micros | None = None,
        to: Micros | None = None,
        revision: int | None = None,
        step: Step | None = None,
    ) -> Throughput:
        """How many entities of `type` began and how many ended, in spans of `step` (a fitting one when None).

        Raises ValueError where that gives more spans than can be answered.
        """
        period = period_of(from_, to, revision)

        def compute(view: View, type: str, *_: Any) -> Throughput:
            return ways.throughput(view, type, period, ended, step)

        return self._kept("variants", "throughput", (type, period, step), compute)

    def dwell(
        self, type: str, *, from_: Micros | None = None, to: Micros | None = None, revision: int | None = None
    ) -> Dwell:
        """How long the stays lasted that ended in the days that overlap a stretch, per state and per transition.

        `revision` is the one under which they ended. Estimates say so.
        """
        return self._kept("stays", "dwell", (type, period_of(from_, to, revision)), dwelling.dwell)

    def _kept(self, name: str, question: str, given: tuple[Any, ...], compute: Callable[..., T]) -> T:
        """The answer that the view `name` gives, kept while it does not move."""
        with reading(self._engine, name) as view:
            return self._cache.given((question, *given), (view.generation, view.place), lambda: compute(view, *given))

    def related(
        self, type: str, entity: str, *, after: str | None = None, limit: int = 100, names: bool | None = None
    ) -> Related:
        """Whom an entity names by its keys (`names`), who names it (not `names`), or both; open references too.

        Raises ValueError for an `after` that no page gave.
        """
        with self._engine.connect() as connection:
            relations, entities = view_of(connection, "relations"), view_of(connection, "entities")
            return relating.related(relations, entities, type, entity, after, limit, names)

    def references(self, type: str) -> References:
        """How many references entities of `type` hold, relation by relation, and how many are still open."""
        with self._engine.connect() as connection:
            relations, entities = view_of(connection, "relations"), view_of(connection, "entities")
            basis = (relations.generation, relations.place, entities.generation, entities.place)
            return self._cache.given(("references", type), basis, lambda: relating.counts(relations, entities, type))

    def hours(self, type: str, *, from_: Micros, to: Micros) -> list[HourCount]:
        """Transitions of `type` per business hour, one item for every hour of the stretch, oldest first."""
        with reading(self._engine, "flow") as view:
            return counting.hours(view, type, from_, to)

    def entities(
        self,
        type: str | None = None,
        *,
        states: Collection[str] = (),
        q: str | None = None,
        query: Query | None = None,
        order: Order = "newest",
        after: str | None = None,
        limit: int = 100,
        place: Place | None = None,
        at: Micros | None = None,
        basis: Basis = "recorded",
        now: Micros | None = None,
    ) -> EntityPage:
        """A page of the entities that `query` is about, of one type or all, in one of `states` (a leaf, or around it).

        `q` is a part of the id. `newest` and `oldest` order by the latest transition, `longest` and `shortest` by how
        long they have been in their state, `id` by type and id; as of a place or a moment the order is by id. A walk in
        order `oldest`, and one by `id`, meets every entity at least once, though they move meanwhile. A query that few
        fit may be answered with fewer than `limit` and a `next` all the same: nobody waits for all to be looked at.
        Ages in it count back from `now`, the present unless told. Raises ValueError for an `after` that no page gave,
        BadQuery for what cannot be asked of an earlier moment.
        """
        wanted = Wanted(narrowed(query, type, states, q), order, after, limit, _now() if now is None else now)
        if place is None and at is None:
            with reading(self._engine, "entities") as view:
                return self._readable(listing.page_now(view, wanted))
        with reading(self._engine, "stays") as view:
            moment = moment_of(view, place, at, basis)
            assert moment is not None
            return listing.page_then(view, wanted, moment)

    def _readable(self, page: EntityPage) -> EntityPage:
        """The page with its personal values decrypted, without those whose keys are gone or cannot be had."""
        if self._keys is None or not any(row.personal for row in page.items):
            return page
        try:
            keys = self._keys({Ref(row.type, row.entity) for row in page.items if row.personal})
        except KeysUnavailable:
            keys = {}
        rows = [
            msgspec.structs.replace(row, personal=opened(ref, row.personal, keys.get(ref, ()))) if row.personal else row
            for row, ref in ((row, Ref(row.type, row.entity)) for row in page.items)
        ]
        return EntityPage(rows, page.next, page.place)

    def tally(self, query: Query) -> Tally:
        """How many entities fit a query; as it was a moment ago where it takes long to count."""
        with reading(self._engine, "entities") as view:

            def count() -> Tally:
                found = sorted(listing.tally(view, query, _now()).items(), key=lambda item: (-item[1], item[0]))
                return Tally(
                    view.place,
                    [ConfigurationTally(type, state_of(leaves_of_state(state)), n) for (type, state), n in found],
                )

            return self._cache.recent(("tally", written(query), view.generation), count) if query.narrows else count()

    def deadlines(
        self, before: Micros, *, type: str | None = None, after: Cursor = BEGINNING, limit: int = 100
    ) -> DeadlinePage:
        """The running timers that are due by `before`, of one type or all, the earliest first."""
        with self._engine.connect() as connection:
            running, entities = view_of(connection, "deadlines"), view_of(connection, "entities")
            return deadlines.page(running, entities, before, after, limit, type)

    def next_due(self, after: Micros) -> Micros | None:
        """When the first timer that is due after a moment is due; None when there is none."""
        with reading(self._engine, "deadlines") as view:
            return deadlines.next_due(view, after)

    def types(self) -> list[str]:
        """The entity types that have entities, by name."""
        with reading(self._engine, "entities") as view:
            rows = view.rows("select distinct type from entities_states_{n} where entities > 0 order by type")
            return [type_ for (type_,) in rows]

    def overview(self, now: Micros, resting: Mapping[str, Collection[str]] | None = None, stalled: int = 5) -> Overview:
        """All types at a glance. Leaves in `resting` (per type; the final ones) are left out of `stalled`."""
        types = self.types()
        with self._engine.connect() as connection:
            entities, flow = view_of(connection, "entities"), view_of(connection, "flow")
            found = [
                self._overview(entities, flow, type_, now, (resting or {}).get(type_, ()), stalled) for type_ in types
            ]
            return Overview(entities.place, found)

    def _overview(
        self, entities: View, flow: View, type: str, now: Micros, resting: Collection[str], stalled: int
    ) -> TypeOverview:
        counts = counting.counts_now(entities, type)
        until = now - now % HOUR + HOUR
        trend = counting.hours(flow, type, until - _DAY * HOUR, until)
        question = ("stalled", type, stalled, frozenset(resting))
        longest = self._cache.recent(question, lambda: _stalled(entities, type, resting, stalled))
        return TypeOverview(type, counts.total, counts.states, sum(hour.count for hour in trend), trend, longest)

    def standing(self) -> list[Standing]:
        """Every consolidator's place, error, parked entities and rebuild, by name; `with_lag` adds how far behind."""
        with self._engine.connect() as connection:
            return standings.standing(connection)

    def holder(self, name: str) -> str | None:
        """The process that does `name`, of what one process does at a time (`TIMERS`); None when none does."""
        with self._engine.connect() as connection:
            return standings.holder(connection, name)

    def reached(self, name: str, place: Place) -> bool:
        """Whether the view `name` shows the log at least up to `place`. Raises BadPlace."""
        with reading(self._engine, name) as view:
            return self._compare(view.place, place) >= 0

    async def wait_for(self, name: str, place: Place, timeout_s: float) -> bool:
        """True as soon as the view `name` has reached `place`, False after `timeout_s` seconds. For an event loop."""
        deadline = time.monotonic() + timeout_s
        mark = ""
        while True:
            if await asyncio.to_thread(self._reached, name, place):
                return True
            left_s = deadline - time.monotonic()
            if left_s <= 0:
                return False
            mark = await self.changed(mark, left_s)

    def _reached(self, name: str, place: Place) -> bool:
        try:
            return self.reached(name, place)
        except NotBuiltYet:
            return False

    async def changed(self, since: str, timeout_s: float) -> str:
        """A mark of all views' places that differs from `since`, or `since` itself after `timeout_s` seconds.

        For streams: begin with "" and hand the mark back each time.
        """
        if self._watching is None:
            self._watching = Watching(self._engine)
        return await self._watching.moved(since, timeout_s)

    def close(self) -> None:
        """Let go of the database."""
        if self._watching is not None:
            self._watching.close()
        self._engine.dispose()


def _now() -> Micros:
    return time.time_ns() // 1_000


def _stalled(view: View, type: str, resting: Collection[str], limit: int) -> list[EntityRow]:
    """Those that have been in their configuration for longest, oldest first, without those that are to rest there."""
    rows = view.rows("select state from entities_states_{n} where type = ? and entities > 0", type)
    moving = [state for (state,) in rows if not set(leaves_of_state(state)) <= set(resting)]
    return listing.longest(view, type, moving, limit)
