"""An entity as its page shows it: read from the log once, as it is and as it was at the versions that are looked at."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from msgspec import UNSET, Struct

from statewright.diagram.marks import walks_of
from statewright.diagram.svg import svg_of
from statewright.machine.compile import Machine
from statewright.machine.record import Head, Record
from statewright.stores.words import Ref
from statewright_ui import shown
from statewright_ui.differing import Change, changes_between
from statewright_ui.entity import steps
from statewright_ui.entity.ribbon import Stay, clocks_of, ribbon_of, stays_of
from statewright_ui.entity.sight import Sight, sight_of
from statewright_ui.entity.waiting import crossings_of
from statewright_ui.needs import AskedFor, Needs, ask
from statewright_ui.rendering import DIAGRAM_WINDOW
from statewright_ui.shell.errors import Nowhere

RIBBON_TRANSITIONS = 200
"""How many transitions the ribbon and the walked path are drawn from: the latest, or those around the one looked at."""
HISTORY_ROWS = 50


class Portrait(Struct, frozen=True):
    """The entity as it stands, `newest`, and as it stood at the version looked at, `head`.

    `machine` is the one of that version, None when the catalogue does not have its revision; `before` the entity one
    version earlier, where a version was chosen; `other` the one compared with, the earlier of the two in time being
    `compared[0]`.
    """

    ref: Ref
    sight: Sight
    newest: Head
    head: Head
    before: Head | None
    other: Head | None
    kind: shown.Kind
    machine: Machine | None
    states: list[shown.State]
    ended: bool
    records: Sequence[Record]
    """The transitions that are drawn, oldest first."""

    @property
    def whole(self) -> bool:
        """Whether `records` is the whole life."""
        return self.records[0].version == 1 and self.to_the_end

    @property
    def to_the_end(self) -> bool:
        """Whether `records` goes on to what is newest."""
        return self.records[-1].version == self.newest.version

    @property
    def compared(self) -> tuple[Head, Head] | None:
        """The two that are compared, the earlier first."""
        if self.other is None:
            return None
        first, second = sorted((self.head, self.other), key=lambda head: head.version)
        return first, second


class Comparison(Struct, frozen=True):
    """Two moments of one life: the states then and then, what differs, and how much happened between them."""

    earlier: Head
    later: Head
    earlier_states: list[shown.State]
    later_states: list[shown.State]
    changes: list[Change]
    same: list[tuple[str, Any]]
    transitions: int
    seconds: float


class Mark(Struct, frozen=True):
    """A line across the ribbon: the version looked at, or the one that it is compared with."""

    x: float
    version: int
    main: bool


class Hairline(Struct, frozen=True):
    """Where a stay reaches its limit, in per cent of the width, in the row of its leaf."""

    x: float
    lane: int
    grave: bool


class History(Struct, frozen=True):
    """A page of the history, newest first. `older` is the version to page to, None at the end."""

    steps: list[steps.Step]
    older: int | None
    paged: bool


async def portrait_of(request: AskedFor, needs: Needs, ref: Ref) -> Portrait:
    """The entity and what is looked at of it. Raises Nowhere when there is no such entity, version or moment."""
    newest = await needs.asking.head(ref)
    if newest is None:
        raise Nowhere("No such entity", f"The log holds no transition of {ref.type} {ref.id}.")
    sight = await sight_of(needs.asking, ref, newest, request.query_params)
    wanted = {sight.version, sight.other or 0} | ({sight.version - 1} if sight.at else set())
    heads = await needs.asking.heads_at(ref, wanted - {0, newest.version})
    heads[newest.version] = newest
    head = heads[sight.version]
    machine = await ask(shown.machine_of, needs.catalog, ref.type, head.revision)
    latest = machine
    if newest.revision != head.revision:
        latest = await ask(shown.machine_of, needs.catalog, ref.type, newest.revision)
    return Portrait(
        ref=ref,
        sight=sight,
        newest=newest,
        head=head,
        before=heads.get(sight.version - 1),
        other=None if sight.other is None else heads[sight.other],
        kind=shown.kind(needs.catalog, ref.type),
        machine=machine,
        states=shown.states(machine, head.leaves),
        ended=latest is not None and latest.is_final(newest.leaves),
        records=await _window(needs, sight),
    )


async def _window(needs: Needs, sight: Sight) -> Sequence[Record]:
    first = max(sight.newest - RIBBON_TRANSITIONS, 0)
    if sight.version <= first:
        first = max(sight.version - RIBBON_TRANSITIONS // 2, 0)
    return await needs.asking.history(sight.ref, first, RIBBON_TRANSITIONS)


async def now_of(needs: Needs, portrait: Portrait) -> dict[str, Any]:
    """The ribbon and the diagram, with the moment that is looked at in both."""
    machine, sight = portrait.machine, portrait.sight
    clocks, stays = clocks_of(portrait.records), stays_of(portrait.records)
    end = max(time.time_ns() // 1000, portrait.newest.happened_at)
    if not portrait.to_the_end:
        end = clocks[portrait.records[-1].version]
    marked = [] if not sight.at else [version for version in (sight.version, sight.other) if version in clocks]
    until = portrait.newest.happened_at if portrait.ended else end
    crossings = [] if machine is None else crossings_of(machine, stays, until)
    moments = [*(clocks[version] for version in marked), *(each.at for each in crossings)]
    order = () if machine is None else tuple(machine.states)
    drawn = ribbon_of(stays, end, portrait.ended and portrait.to_the_end, sight.scale != "linear", order, moments)
    lanes = {leaf: at for at, leaf in enumerate(drawn.lanes)}
    return {
        "ribbon": drawn,
        "lanes": shown.states(machine, drawn.lanes),
        "marks": [
            Mark(x, version, version == sight.version)
            for version, x in zip(marked, drawn.marks, strict=False)
            if x is not None
        ],
        "hairlines": [
            Hairline(x, lanes[each.leaf], each.grave)
            for each, x in zip(crossings, drawn.marks[len(marked) :], strict=True)
            if x is not None
        ],
        "happened": clocks.get(sight.version, portrait.head.happened_at),
        "comparison": await _comparison(needs, portrait),
        "svg": await diagram_of(portrait, stays),
    }


async def diagram_of(portrait: Portrait, stays: Sequence[Stay]) -> str | None:
    """The picture with the path walked up to what is looked at, or between the two that are compared."""
    machine, sight = portrait.machine, portrait.sight
    if machine is None:
        return None
    span = sight.span
    walked = [record for record in portrait.records if record.version <= sight.latest]
    if span is not None:
        walked = [record for record in walked if record.version > span[0]]
    chosen = next((record for record in walked if sight.at and record.version == sight.version), None)
    earlier, later = portrait.compared or (None, portrait.head)
    return await svg_of(
        machine.definition,
        machine.digest,
        current=later.leaves,
        earlier=() if earlier is None else earlier.leaves,
        walked=walks_of(walked),
        selected=None if chosen is None or span is not None else steps.way_taken(machine, chosen),
        links=steps.selections(machine, portrait.records, stays, sight),
        window=DIAGRAM_WINDOW,
    )


async def _comparison(needs: Needs, portrait: Portrait) -> Comparison | None:
    if portrait.compared is None:
        return None
    earlier, later = portrait.compared
    first, second = [
        await ask(shown.machine_of, needs.catalog, portrait.ref.type, head.revision) for head in (earlier, later)
    ]
    changes = changes_between(earlier.data, later.data)
    differing = {change.field.partition(".")[0] for change in changes}
    return Comparison(
        earlier,
        later,
        shown.states(first, earlier.leaves),
        shown.states(second, later.leaves),
        changes,
        [(name, value) for name, value in later.data.items() if name not in differing and name in earlier.data],
        later.version - earlier.version,
        (later.happened_at - earlier.happened_at) / 1e6,
    )


def data_of(portrait: Portrait) -> list[tuple[str, Any, Change | None]]:
    """The data at the version looked at; where one was chosen, with what its transition did to each field.

    A field that it removed comes last, with UNSET as its value.
    """
    if not portrait.sight.at:
        return [(name, value, None) for name, value in portrait.head.data.items()]
    before = {} if portrait.before is None else portrait.before.data
    after = portrait.head.data
    found = [
        (
            name,
            value,
            None if name in before and before[name] == value else Change(name, before.get(name, UNSET), value),
        )
        for name, value in after.items()
    ]
    return found + [(name, UNSET, Change(name, was, UNSET)) for name, was in before.items() if name not in after]


async def history_of(needs: Needs, portrait: Portrait) -> History:
    """The page below version `before`; without one the newest, or one that shows the version looked at."""
    sight, version = portrait.sight, portrait.newest.version
    before = sight.before
    top = version + 1
    if before.isascii() and before.isdigit() and len(before) < 16:
        top = min(int(before), version + 1)
    elif version - sight.version >= HISTORY_ROWS:
        top = min(sight.version + HISTORY_ROWS // 2, version + 1)
    first = max(top - HISTORY_ROWS, 1)
    records = await needs.asking.history(portrait.ref, first - 1, max(top - first, 1))
    ahead = (await needs.asking.heads_at(portrait.ref, [first - 1])).get(first - 1)
    rows = await ask(steps.steps_of, needs.catalog, records, ahead)
    return History(rows, first if first > 1 else None, top <= version)
