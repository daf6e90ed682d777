"""Two revisions side by side, as these pages show them: differences, one picture, and the entities under way."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import unquote

from msgspec import Struct

from statewright.catalog import Revision
from statewright.diagram.svg import svg_of
from statewright.machine.backtesting import stranded
from statewright.machine.branches import pointer_of_state
from statewright.machine.comparing import Comparison, Difference
from statewright.machine.compile import Machine
from statewright.machine.definition import Definition
from statewright.machine.merging import merged_chart
from statewright.views import NotBuiltYet, RevisionCount
from statewright_ui import shown
from statewright_ui.needs import Needs, ask
from statewright_ui.rendering import DIAGRAM_WINDOW
from statewright_ui.shell.errors import Nowhere

KINDS = ("added", "removed", "changed")


class Compared(Struct, frozen=True):
    """What differs. `shown` are the differences that the selection leaves, `counts` how many there are of each kind."""

    differences: list[Difference]
    shown: list[Difference]
    counts: dict[str, int]
    svg: str


class Resting(Struct, frozen=True):
    """Entities that live under one revision and rest in one configuration. `lost` are its leaves that the later
    revision does not have."""

    revision: int
    states: list[shown.State]
    leaves: tuple[str, ...]
    count: int
    lost: tuple[str, ...]


class UnderWay(Struct, frozen=True):
    """All that live under other revisions than the one that is looked at. `building`: the view is not there yet."""

    rows: list[Resting]
    building: bool = False

    @property
    def total(self) -> int:
        """How many entities that are."""
        return sum(row.count for row in self.rows)

    @property
    def stranded(self) -> list[Resting]:
        """Those that rest where the revision has no state."""
        return [row for row in self.rows if row.lost]


async def compared(
    needs: Needs, type: str, earlier: Revision, later: Revision, counts: Sequence[RevisionCount], selected: str
) -> Compared:
    """The differences from one revision to another, and one picture of both with how many entities are where."""
    before = await ask(definition_of, needs, type, earlier.revision)
    after = await ask(definition_of, needs, type, later.revision)
    comparison = await ask(Comparison, before, after)
    found = await ask(comparison.differences)
    svg = await svg_of(
        merged_chart(comparison),
        f"{earlier.digest}..{later.digest}",
        counts=_per_state(counts),
        selected=selected or None,
        links=f"?from={earlier.revision}&to={later.revision}&selected=",
        window=DIAGRAM_WINDOW,
    )
    kinds = {kind: sum(each.change == kind for each in found) for kind in KINDS}
    return Compared(found, [each for each in found if _concerns(each, selected)], kinds, svg)


def definition_of(needs: Needs, type: str, revision: int) -> Definition:
    """A revision's definition, with errors or without. Raises Nowhere for one that cannot be read any more."""
    reading = needs.catalog.reader.definition(needs.catalog.document(type, revision))
    if reading.definition is None:
        raise Nowhere("It cannot be read", f"Revision {revision} of {type} cannot be read any more.")
    return reading.definition


async def counts_of(needs: Needs, type: str) -> list[RevisionCount] | None:
    """Entities per revision and configuration; None while the view is being built for the first time."""
    try:
        return await ask(needs.views.by_revision, type)
    except NotBuiltYet:
        return None


def under_way(
    needs: Needs, type: str, revision: int, machine: Machine | None, counts: Sequence[RevisionCount] | None
) -> UnderWay:
    """The entities of other revisions that are not at their end, the stranded ones first."""
    rows = []
    for each in counts or ():
        if each.revision == revision:
            continue
        leaves = (each.state,) if isinstance(each.state, str) else each.state
        own = shown.machine_of(needs.catalog, type, each.revision)
        if own is not None and own.is_final(leaves):
            continue
        lost = () if machine is None else stranded(machine, leaves, each.revision)
        rows.append(Resting(each.revision, shown.states(own, leaves), leaves, each.count, lost))
    rows.sort(key=lambda row: (not row.lost, -row.revision, -row.count))
    return UnderWay(rows, counts is None)


def _per_state(counts: Sequence[RevisionCount]) -> dict[str, int]:
    found: dict[str, int] = {}
    for each in counts:
        for leaf in (each.state,) if isinstance(each.state, str) else each.state:
            found[leaf] = found.get(leaf, 0) + each.count
    return found


def _concerns(difference: Difference, selected: str) -> bool:
    """Whether a difference is about what was chosen in the picture: a state, or what leads from it on some event."""
    if not selected:
        return True
    source, arrow, _ = selected.partition("--")
    at = "" if source == "*" else pointer_of_state(unquote(source))
    if arrow:
        return difference.what == "transition" and difference.pointer.startswith(at + "/")
    return difference.pointer == at or difference.pointer.startswith(at + "/")
