"""What was refused: counted by type, state, event and reason, and the latest of them whole."""

from __future__ import annotations

import time

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromQuery
from msgspec import Struct

from statewright.catalog import Refusal, RefusalCount
from statewright.machine.explaining import Explained
from statewright_ui import shown
from statewright_ui.needs import AskedFor, Needs, ask
from statewright_ui.rendering import rendered

LATEST = 50
_DAY = 86_400_000_000
PERIODS = {"day": "24 h", "ever": "Ever"}


class Count(Struct, frozen=True):
    """One way in which a type's events are refused."""

    kind: shown.Kind
    states: list[shown.State]
    count: RefusalCount


class Latest(Struct, frozen=True):
    """One refusal, as it was."""

    refusal: Refusal
    states: list[shown.State]
    explanation: list[Explained]


def refusals(needs: Needs) -> HTTPRouteHandler:
    """The handler of this page."""

    @get("/refusals", include_in_schema=False)
    async def page(request: AskedFor, type: FromQuery[str] = "", period: FromQuery[str] = "ever") -> Response[str]:
        kinds = [shown.kind(needs.catalog, entry.type) for entry in await ask(needs.catalog.types)]
        return rendered(
            request,
            "refusals/page.html",
            here="refusals",
            kinds=kinds,
            type=type,
            period=period if period in PERIODS else "ever",
            counts=await ask(_counts, needs, kinds, type, period),
            latest=await ask(_latest, needs, type),
        )

    return page


def _counts(needs: Needs, kinds: list[shown.Kind], type: str, period: str) -> list[Count]:
    since = time.time_ns() // 1000 - _DAY if period == "day" else None
    wanted = [kind for kind in kinds if type in ("", kind.type)]
    found = [
        Count(kind, shown.states(kind.machine, count.leaves), count)
        for kind in wanted
        for count in needs.catalog.refusals.counts(kind.type, since=since)
    ]
    return sorted(found, key=lambda each: -each.count.count)


def _latest(needs: Needs, type: str) -> list[Latest]:
    """The latest refusals, newest first."""
    return [
        Latest(
            refusal,
            shown.states(shown.machine_of(needs.catalog, refusal.type, refusal.revision), refusal.leaves),
            msgspec.convert(refusal.explanation, list[Explained]),
        )
        for refusal in needs.catalog.refusals.latest(type or None, limit=LATEST)
    ]
