"""The list of entities, narrowed by type, state and id, a page at a time."""

from __future__ import annotations

from typing import Annotated

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery, QueryParameter
from litestar.response import Redirect
from msgspec import Struct

from statewright.machine.compile import Machine
from statewright.views import Counts, EntityPage, EntityRow, NotBuiltYet
from statewright_ui import shown, words
from statewright_ui.needs import AskedFor, Needs, ask
from statewright_ui.rendering import part_of, rendered
from statewright_ui.shell.errors import Nowhere

PAGE = 50
_LONGEST_Q = 200


class Asked(Struct, frozen=True):
    """What the address narrows the list to."""

    type: str
    states: list[str]
    q: str
    after: str

    def but(self, **other: object) -> str:
        """The address of the list narrowed the same way but for `other`; from its first page on."""
        query = {"type": self.type, "state": self.states, "q": self.q, **other}
        return words.address("entities", **query)

    def toggled(self, state: str) -> str:
        """The address with `state` chosen if it is not, and the other way round."""
        rest = [chosen for chosen in self.states if chosen != state]
        return self.but(state=rest if state in self.states else [*rest, state])


class Line(Struct, frozen=True):
    """One entity in the list."""

    row: EntityRow
    states: list[shown.State]
    ended: bool


class Listing(Struct, frozen=True):
    """The page: what may be chosen, with counts, and the lines. `next` is None on the last page."""

    kinds: list[shown.Kind]
    kind: shown.Kind | None
    chips: list[tuple[shown.State, int]]
    total: int
    lines: list[Line]
    next: str | None
    building: bool = False


def entities(needs: Needs) -> list[HTTPRouteHandler]:
    """The handlers of this page."""

    @get("/entities", include_in_schema=False)
    async def index(
        request: AskedFor,
        type: FromQuery[str] = "",
        states: Annotated[list[str] | None, QueryParameter(name="state")] = None,
        q: FromQuery[str] = "",
        after: FromQuery[str] = "",
        of: FromQuery[str | None] = None,
    ) -> Response[str]:
        """`of` is the type whose states stand in the form: with another type chosen they mean nothing."""
        asked = Asked(type, (states or []) if of in (None, type) else [], q.strip()[:_LONGEST_Q], after)
        listing = await ask(_listing, needs, asked)
        template = "entities/_list.html" if part_of(request, "list") else "entities/page.html"
        live = words.address("live", type=type)
        return rendered(request, template, here="entities", live=live, asked=asked, listing=listing)

    @get("/entities/{type:str}", include_in_schema=False, sync_to_thread=False)
    def of_type(type: FromPath[str]) -> Redirect:
        return Redirect(words.address("entities", type=type))

    return [index, of_type]


def _listing(needs: Needs, asked: Asked) -> Listing:
    kinds = [shown.kind(needs.catalog, entry.type) for entry in needs.catalog.types()]
    kind = shown.kind(needs.catalog, asked.type) if asked.type else None
    try:
        found = _page(needs, asked)
        counts = needs.views.counts(asked.type) if asked.type else None
    except NotBuiltYet:
        if asked.type:
            _must_be_known(asked.type, kinds)
        return Listing(kinds, kind, [], 0, [], None, building=True)
    if counts is not None and not counts.total:  # a log may have entities of a type whose definition is elsewhere
        _must_be_known(asked.type, kinds)
    return Listing(
        kinds,
        kind,
        _chips(kind, counts, asked) if kind and counts else [],
        counts.total if counts else 0,
        [_line(needs, row) for row in found.items],
        found.next,
    )


def _must_be_known(type: str, kinds: list[shown.Kind]) -> None:
    if type not in {kind.type for kind in kinds}:
        raise Nowhere("No such type", f"No definition is called {type}, and the log holds no entity of it.")


def _page(needs: Needs, asked: Asked) -> EntityPage:
    try:
        return needs.views.entities(
            asked.type or None, states=asked.states, q=asked.q or None, after=asked.after or None, limit=PAGE
        )
    except ValueError:
        raise Nowhere("No such page", "This list was never paged to here; begin again from its first page.") from None


def _chips(kind: shown.Kind, counts: Counts, asked: Asked) -> list[tuple[shown.State, int]]:
    """Every state of the definition, those around others too, with how many are in it; those chosen but unknown too."""
    listed = [] if kind.machine is None else _worth_choosing(kind.machine)
    others = sorted((set(counts.states) | set(asked.states)) - set(listed))
    within = shown.within(counts)
    return [(shown.state(kind.machine, path), within[path]) for path in [*listed, *others]]


def _worth_choosing(machine: Machine) -> list[str]:
    """All states but history states, and regions: whoever is in a parallel state is in each of its regions."""
    states = machine.states

    def is_region(path: str) -> bool:
        around = states.get(path.rpartition(".")[0])
        return around is not None and around.type == "parallel" and states[path].type in ("compound", "parallel")

    return [path for path, node in states.items() if node.type != "history" and not is_region(path)]


def _line(needs: Needs, row: EntityRow) -> Line:
    machine = shown.machine_of(needs.catalog, row.type, row.revision)
    return Line(row, shown.states(machine, row.leaves), machine is not None and machine.is_final(row.leaves))
