"""What was refused: counted by type, state, event and reason, with rules and callers, and the latest of them whole."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import msgspec
from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct
from msgspec.structs import replace

from statewright.catalog import Group, Refusal, RefusalCount, Told, Wanted, rule_of
from statewright.machine.explaining import Explained
from statewright.machine.moments import Micros
from statewright_ui import shown
from statewright_ui.needs import AskedFor, Needs, ask
from statewright_ui.rendering import rendered
from statewright_ui.words import address

LATEST = 50
_NAMED = 3
"""How many rules and callers of a group are named; the others are counted."""
_HOUR = 3_600_000_000
PERIODS: Mapping[str, tuple[str, Micros | None]] = {
    "hour": ("1 h", _HOUR),
    "day": ("24 h", 24 * _HOUR),
    "week": ("7 d", 168 * _HOUR),
    "ever": ("Ever", None),
}
_NARROWING = ("type", "event", "state", "why", "rule", "caller", "entity")
_LONGEST = 300


class Asked(Struct, frozen=True, kw_only=True):
    """What the address asks for; empty text narrows nothing. `event` is `created` for refused creations."""

    type: str = ""
    event: str = ""
    state: str = ""
    why: str = ""
    rule: str = ""
    caller: str = ""
    entity: str = ""
    period: str = "ever"
    before: str = ""

    def but(self, **changes: str) -> str:
        """The address of this page with some of it changed, from its first rows on."""
        other = replace(self, **{"before": "", **changes})
        query = {name: getattr(other, name) for name in (*_NARROWING, "before")}
        return address("refusals", **query, period="" if other.period == "ever" else other.period)

    @property
    def narrowed(self) -> list[tuple[str, str]]:
        """What narrows beside the type, each with its value."""
        return [(name, value) for name in _NARROWING[1:] if (value := getattr(self, name))]

    @property
    def since(self) -> Micros | None:
        """When the period began."""
        length = PERIODS[self.period][1]
        return None if length is None else time.time_ns() // 1000 - length

    @property
    def wanted(self) -> Wanted:
        """The same as the catalogue asks it."""
        return Wanted(
            type=self.type or None,
            event="" if self.event == CREATED else self.event or None,
            state=self.state or None,
            why=self.why or None,
            rule=self.rule or None,
            caller=self.caller or None,
            entity=self.entity or None,
            since=self.since,
        )


CREATED = "created"


class Count(Struct, frozen=True):
    """One way in which a type's events are refused. `rules` and `callers` are the most frequent with how often."""

    kind: shown.Kind
    states: list[shown.State]
    count: RefusalCount
    state: str
    rules: list[tuple[str, int]]
    more_rules: int
    callers: list[tuple[str, int]]
    more_callers: int


class Latest(Struct, frozen=True):
    """One refusal, as it was. `simulator` leads to where it can be tried again, None without a definition."""

    refusal: Refusal
    states: list[shown.State]
    explanation: list[Explained]
    rule: str
    simulator: str | None


class Kept(Struct, frozen=True):
    """A page of the refusals kept, newest first; `older` is what the next page lies before, None at the end."""

    items: list[Latest]
    older: str | None


def refusals(needs: Needs) -> HTTPRouteHandler:
    """The handler of this page."""

    @get("/refusals", include_in_schema=False)
    async def page(request: AskedFor) -> Response[str]:
        asked = _asked(request.query_params)
        kinds = [shown.kind(needs.catalog, entry.type) for entry in await ask(needs.catalog.types)]
        return rendered(
            request,
            "refusals/page.html",
            here="refusals",
            kinds=kinds,
            asked=asked,
            periods={name: label for name, (label, _) in PERIODS.items()},
            counts=await ask(_counts, needs, kinds, asked),
            kept=await ask(kept_of, needs, asked.wanted, asked.before),
        )

    return page


def _asked(query: Mapping[str, Any]) -> Asked:
    found = {name: str(query.get(name, ""))[:_LONGEST] for name in (*_NARROWING, "before")}
    period = str(query.get("period", ""))
    return Asked(**found, period=period if period in PERIODS else "ever")


def _counts(needs: Needs, kinds: list[shown.Kind], asked: Asked) -> list[Count]:
    """How often, by what is counted for good; narrowed by rule, caller or entity, by what is kept whole."""
    wanted = asked.wanted
    told = needs.catalog.refusals.told(wanted)
    kept_only = bool(asked.rule or asked.caller or asked.entity)
    found = []
    for kind in kinds:
        if asked.type not in ("", kind.type):
            continue
        for count in needs.catalog.refusals.counts(kind.type, since=asked.since):
            group = Group(kind.type, "|".join(count.leaves), count.event or "", count.why)
            known = told.get(group)
            if kept_only and known is not None:
                count = replace(count, count=known.callers.total())
            if _fits(count, wanted) and not (kept_only and known is None):
                found.append(_count(kind, count, group, known))
    return sorted(found, key=lambda each: -each.count.count)


def _fits(count: RefusalCount, wanted: Wanted) -> bool:
    return (
        wanted.event in (None, count.event or "")
        and wanted.why in (None, count.why)
        and (wanted.state in (None, "|".join(count.leaves)) or wanted.state in count.leaves)
    )


def _count(kind: shown.Kind, count: RefusalCount, group: Group, told: Told | None) -> Count:
    rules = [] if told is None else told.rules.most_common()
    callers = [] if told is None else told.callers.most_common()
    return Count(
        kind,
        shown.states(kind.machine, count.leaves),
        count,
        group.state,
        rules[:_NAMED],
        len(rules[_NAMED:]),
        callers[:_NAMED],
        len(callers[_NAMED:]),
    )


def kept_of(needs: Needs, wanted: Wanted, before: str = "", limit: int = LATEST) -> Kept:
    """The refusals kept that are meant, newest first, below the id `before`."""
    place = int(before) if before.isascii() and before.isdigit() and len(before) < 16 else None
    found = needs.catalog.refusals.matching(wanted, before=place, limit=limit + 1)
    items = [_latest(needs, id, refusal) for id, refusal in found[:limit]]
    return Kept(items, str(found[limit - 1][0]) if len(found) > limit else None)


def _latest(needs: Needs, id: int, refusal: Refusal) -> Latest:
    machine = shown.machine_of(needs.catalog, refusal.type, refusal.revision) if refusal.revision else None
    simulator = address("definitions", refusal.type, "simulate", revision=refusal.revision, refusal=id)
    return Latest(
        refusal,
        shown.states(machine, refusal.leaves),
        msgspec.convert(refusal.explanation, list[Explained]),
        rule_of(refusal.explanation),
        None if machine is None else simulator,
    )
