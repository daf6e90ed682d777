"""What the list may be narrowed to: types and states with their counts, fields of the data, and completions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from msgspec import Struct

from statewright.machine.compile import Machine
from statewright.views import EntityRow, NotBuiltYet
from statewright.views.query import Hints, Query
from statewright.views.query.completing import listed, sample_paths
from statewright_ui import shown
from statewright_ui.entities.asked import Asked
from statewright_ui.needs import Needs

_TYPES = 60
_SAMPLE = 200
"""So many entities that moved last are looked at for who moved them, and for values of a field."""


class Facets(Struct, frozen=True):
    """Chips to click. `counted` is False where counting may take a moment: the counts are then fetched.

    `states` are those of the one type there is, `types` those to choose from while there is none.
    """

    states: list[tuple[shown.State, int]]
    types: list[tuple[shown.Kind, int]]
    total: int
    everybody: int
    """How many there would be without the chosen states or type."""
    counted: bool = True


def facets(needs: Needs, asked: Asked, *, count: bool) -> Facets:
    """The chips of a list; without `count`, and where it would take long, with no numbers. Raises NotBuiltYet."""
    type, query = asked.query.type, asked.query
    counted = count or not query.narrows
    base = query.without("state") if type is not None else query.without("type")
    found = needs.views.tally(base if counted else base.without(*_slow(base))).items
    total = sum(each.count for each in found if query.holds_for(each.type, shown.leaves_of(each.state)))
    everybody = sum(each.count for each in found)
    if type is None:
        per_type: Counter[str] = Counter()
        for each in found:
            per_type[each.type] += each.count
        types = [(shown.kind(needs.catalog, name), number) for name, number in per_type.most_common(_TYPES)]
        return Facets([], types, total, everybody, counted)
    within: Counter[str] = Counter()
    rested: set[str] = set()
    for each in found:
        leaves = shown.leaves_of(each.state)
        rested.update(leaves)
        for path in shown.with_ancestors(leaves):
            within[path] += each.count
    machine = needs.catalog.active(type)
    order = [] if machine is None else _worth_choosing(machine)
    others = sorted((rested | set(query.states)) - set(order))
    states = [(shown.state(machine, path), within[path]) for path in [*order, *others]]
    return Facets(states, [], total, everybody, counted)


def _slow(query: Query) -> set[str]:
    """The fields by which counting takes a look at every row."""
    return {term.field for term in query.terms} - {"type", "state"}


def _worth_choosing(machine: Machine) -> list[str]:
    """All states but history states, and regions: whoever is in a parallel state is in each of its regions."""
    states = machine.states

    def is_region(path: str) -> bool:
        around = states.get(path.rpartition(".")[0])
        return around is not None and around.type == "parallel" and states[path].type in ("compound", "parallel")

    return [path for path, node in states.items() if node.type != "history" and not is_region(path)]


def paths_of(needs: Needs, query: Query) -> list[tuple[tuple[str, ...], str]]:
    """The fields of the data, by the schemas of the types that a query is about; of all where it names none."""
    found: dict[tuple[str, ...], str] = {}
    for machine in _machines(needs, query):
        for path, says in sample_paths(machine.definition.schemas.context):
            found.setdefault(path, says)
    return list(found.items())


def _machines(needs: Needs, query: Query) -> list[Machine]:
    names = query.types or [entry.type for entry in needs.catalog.types()][:_TYPES]
    return [machine for machine in map(needs.catalog.active, names) if machine is not None]


def hints_of(needs: Needs) -> Hints:
    """What a query is completed with, from the catalogue and from those that moved last."""

    def types() -> Iterable[tuple[str, str]]:
        return [(entry.type, shown.kind(needs.catalog, entry.type).label) for entry in needs.catalog.types()]

    def states(query: Query) -> Iterable[tuple[str, str]]:
        found: dict[str, str] = {}
        for machine in _machines(needs, query):
            for path in _worth_choosing(machine):
                found.setdefault(path, shown.state(machine, path).label)
        return found.items()

    def values(query: Query, path: tuple[str, ...]) -> Iterable[tuple[str, str]]:
        schemas = [machine.definition.schemas.context for machine in _machines(needs, query)]
        told = [(value, "by the schema") for schema in schemas for value in listed(schema, path)]
        return told or _seen(needs, query, path)

    def actors(query: Query) -> Iterable[tuple[str, str]]:
        seen = Counter(row.actor for row in _sample(needs, query) if row.actor)
        return [(actor, f"moved {count} of the latest") for actor, count in seen.most_common(50)]

    return Hints(types, states, lambda query: paths_of(needs, query), values, actors)


def _sample(needs: Needs, query: Query) -> list[EntityRow]:
    try:
        return needs.views.entities(query=query.without(*_slow(query)), limit=_SAMPLE).items
    except NotBuiltYet:
        return []


def _seen(needs: Needs, query: Query, path: tuple[str, ...]) -> list[tuple[str, str]]:
    """The values of a field among those that moved last, the most frequent first; no personal ones."""
    seen: Counter[str] = Counter()
    for row in _sample(needs, query):
        value: object = row.data
        for step in path:
            value = value.get(step) if isinstance(value, dict) else None
        if isinstance(value, str | int | float) and len(str(value)) <= 60:
            seen[str(value).lower() if isinstance(value, bool) else str(value)] += 1
    return [(value, f"{count} of the latest") for value, count in seen.most_common(50)]
