"""One entity: where it is, how it got there, what it carries, and what may happen next. All from the log."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery
from msgspec import Struct

from statewright.diagram.svg import svg_of
from statewright.machine.compile import Machine
from statewright.machine.record import Head, Record
from statewright.stores.words import Ref
from statewright_ui import shown, words
from statewright_ui.entity import steps
from statewright_ui.entity.ribbon import ribbon_of, stays_of
from statewright_ui.entity.waiting import limits_of, running_of
from statewright_ui.needs import AskedFor, Needs, ask
from statewright_ui.rendering import DIAGRAM_WINDOW, part_of, rendered
from statewright_ui.shell.errors import Nowhere

RIBBON_TRANSITIONS = 200
"""How many of the latest transitions the ribbon and the walked path are drawn from."""
HISTORY_ROWS = 50


class Portrait(Struct, frozen=True):
    """The entity as it stands. `machine` is None when the catalogue does not have its revision."""

    ref: Ref
    head: Head
    kind: shown.Kind
    machine: Machine | None
    states: list[shown.State]
    ended: bool
    records: Sequence[Record]
    """The latest transitions, oldest first."""

    @property
    def whole(self) -> bool:
        """Whether `records` is the whole life."""
        return self.records[0].version == 1


class History(Struct, frozen=True):
    """A page of the history, newest first. `older` and `newest` are versions to page to, None at the ends."""

    steps: list[steps.Step]
    older: int | None
    paged: bool


def entity(needs: Needs) -> list[HTTPRouteHandler]:
    """The handlers of this page."""

    @get("/entities/{type:str}/{id:str}", include_in_schema=False)
    async def one(
        request: AskedFor,
        type: FromPath[str],
        id: FromPath[str],
        before: FromQuery[str] = "",
        scale: FromQuery[str] = "folded",
    ) -> Response[str]:
        portrait = await _portrait(needs, Ref(type, id))
        common: dict[str, Any] = {"portrait": portrait, "scale": scale}
        match part_of(request, "now", "facts", "history"):
            case "now":
                return rendered(request, "entity/_now.html", **common, **await _now(portrait, scale))
            case "facts":
                return rendered(request, "entity/_facts.html", **common, **await _facts(request, needs, portrait))
            case "history":
                history = await _history(needs, portrait, before)
                return rendered(request, "entity/_history.html", **common, history=history)
        return rendered(
            request,
            "entity/page.html",
            here="entities",
            live=words.address("live", type=type, entity=id),
            history=await _history(needs, portrait, before),
            **common,
            **await _facts(request, needs, portrait),
            **await _now(portrait, scale),
        )

    return [one]


async def _portrait(needs: Needs, ref: Ref) -> Portrait:
    head = await needs.asking.head(ref)
    if head is None:
        raise Nowhere("No such entity", f"The log holds no transition of {ref.type} {ref.id}.")
    machine = await ask(shown.machine_of, needs.catalog, ref.type, head.revision)
    kind = shown.kind(needs.catalog, ref.type)
    records = await needs.asking.history(ref, max(head.version - RIBBON_TRANSITIONS, 0))
    ended = machine is not None and machine.is_final(head.leaves)
    return Portrait(ref, head, kind, machine, shown.states(machine, head.leaves), ended, records)


async def _now(portrait: Portrait, scale: str) -> dict[str, Any]:
    """The ribbon and the diagram, as they stand now."""
    now = max(time.time_ns() // 1000, portrait.head.happened_at)
    order = tuple(portrait.machine.states) if portrait.machine is not None else ()
    drawn = ribbon_of(stays_of(portrait.records), now, portrait.ended, folding=scale != "linear", order=order)
    lanes = shown.states(portrait.machine, drawn.lanes)
    return {"ribbon": drawn, "lanes": lanes, "svg": await _diagram(portrait)}


async def _diagram(portrait: Portrait) -> str | None:
    machine = portrait.machine
    if machine is None:
        return None
    return await svg_of(
        machine.definition,
        machine.digest,
        current=portrait.head.leaves,
        walked=steps.walks(portrait.records),
        links=words.address("definitions", portrait.ref.type) + "#row-",
        window=DIAGRAM_WINDOW,
    )


async def _history(needs: Needs, portrait: Portrait, before: str) -> History:
    """The page below version `before`; the newest one when that is no version."""
    version = portrait.head.version
    top = min(int(before), version + 1) if before.isascii() and before.isdigit() and len(before) < 16 else version + 1
    first = max(top - HISTORY_ROWS, 1)
    records = await needs.asking.history(portrait.ref, max(first - 2, 0), top - max(first - 1, 1))
    ahead = records[0] if first > 1 and records else None
    rows = steps.steps_of(needs.catalog, records[1:] if ahead else records, ahead)
    return History(rows, first if first > 1 else None, top <= version)


async def _facts(request: AskedFor, needs: Needs, portrait: Portrait) -> dict[str, Any]:
    """What it waits for, and what may happen next."""
    machine, now = portrait.machine, time.time_ns() // 1000
    if machine is None:
        return {"choices": steps.Choices([], [], []), "running": [], "limits": [], "stuck": {}}
    stuck = needs.timers.stuck(portrait.ref.type) if needs.timers is not None and portrait.head.timers else []
    return {
        "choices": await _choices(request, needs, portrait, machine),
        "running": running_of(machine, portrait.head.timers),
        "limits": [] if portrait.ended else limits_of(machine, stays_of(portrait.records), now),
        "stuck": {each.timer: each for each in stuck if each.ref == portrait.ref},
    }


async def _choices(request: AskedFor, needs: Needs, portrait: Portrait, machine: Machine) -> steps.Choices:
    path = words.address("api", "v1", "entities", *portrait.ref, "transitions")

    def curl_of(body: Mapping[str, Any]) -> str:
        return words.curl(str(request.base_url), path, body, If_Match=f'"{portrait.head.version}"')

    may = await needs.asking.allowed(portrait.ref, portrait.head)
    return steps.choices_of(machine, portrait.head, may, curl_of)
