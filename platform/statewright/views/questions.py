"""The questions that pages and services ask of the read models, each answered from one read transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal

from sqlalchemy import Engine

from statewright.machine.moments import Micros
from statewright.stores.words import Place
from statewright.views.answers import Counts, EntityPage, Flow, HourCount, Overview, Standing, Stays

Basis = Literal["recorded", "occurred"]
Order = Literal["newest", "oldest", "id"]


class Views:
    """Answers from the views database at `engine`. Synchronous: call it from a worker thread.

    Every question may raise NotBuiltYet while its view is built for the first time.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def counts(
        self, type: str, *, place: Place | None = None, at: Micros | None = None, basis: Basis = "recorded"
    ) -> Counts:
        """Entities of `type` per leaf and per configuration: now, at a place, or at a moment.

        Raises NotThereYet for a place ahead of the view, BadPlace for what is no place.
        """
        raise NotImplementedError

    def stays(self, type: str) -> Stays:
        """How long entities of `type` rested in each leaf."""
        raise NotImplementedError

    def flow(
        self, type: str, *, from_: Micros | None = None, to: Micros | None = None, revision: int | None = None
    ) -> Flow:
        """How often each transition of `type` happened in the business hours that overlap `from_` <= t < `to`."""
        raise NotImplementedError

    def hours(self, type: str, *, from_: Micros, to: Micros) -> list[HourCount]:
        """Transitions of `type` per business hour, one item for every hour of the stretch, oldest first."""
        raise NotImplementedError

    def entities(
        self,
        type: str | None = None,
        *,
        states: Collection[str] = (),
        q: str | None = None,
        order: Order = "newest",
        after: str | None = None,
        limit: int = 100,
        place: Place | None = None,
        at: Micros | None = None,
        basis: Basis = "recorded",
    ) -> EntityPage:
        """A page of entities, of one type or all, that rest in one of `states` (a leaf, or a state around leaves).

        `q` is a part of the id. `newest` and `oldest` order by the latest transition, `id` by type and id. As of a
        place or a moment the order is by id. A walk in order `oldest` meets every entity at least once, though they move.
        Raises ValueError for an `after` that no page gave.
        """
        raise NotImplementedError

    def types(self) -> list[str]:
        """The entity types that have entities, by name."""
        raise NotImplementedError

    def overview(self, now: Micros, resting: Mapping[str, Collection[str]] | None = None, stalled: int = 5) -> Overview:
        """All types at a glance. Leaves in `resting` (per type; the final ones) are left out of `stalled`."""
        raise NotImplementedError

    def standing(self) -> list[Standing]:
        """Every consolidator's place, error, parked entities and rebuild, by name; `with_lag` adds how far behind."""
        raise NotImplementedError

    def reached(self, name: str, place: Place) -> bool:
        """Whether the view `name` shows the log at least up to `place`."""
        raise NotImplementedError

    async def wait_for(self, name: str, place: Place, timeout_s: float) -> bool:
        """True as soon as the view `name` has reached `place`, False after `timeout_s` seconds. For an event loop."""
        raise NotImplementedError

    async def changed(self, since: str, timeout_s: float) -> str:
        """A mark of all views' places that differs from `since`, or `since` itself after `timeout_s` seconds.

        For streams: begin with "" and hand the mark back each time.
        """
        raise NotImplementedError
