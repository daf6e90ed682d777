"""States and types as pages show them: by their label and tone, whatever the revision they come from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from msgspec import Struct

from statewright.catalog import Catalog
from statewright.catalog.errors import CatalogError
from statewright.machine.compile import Machine
from statewright.machine.record import Leaves
from statewright.views import Counts
from statewright.views import State as Configuration


class State(Struct, frozen=True):
    """One state for readers. `path` is its name in the definition; `within` the label of the state around it."""

    path: str
    label: str
    within: str = ""
    tone: str = "neutral"
    final: bool = False
    description: str | None = None


class Kind(Struct, frozen=True):
    """One entity type for readers. `machine` is the active one; None when none is."""

    type: str
    label: str
    machine: Machine | None


def state(machine: Machine | None, path: str) -> State:
    """A state by its path; by its bare name where the machine does not know it (a later revision dropped it)."""
    node = machine.states.get(path) if machine is not None else None
    if node is None:
        return State(path, path)
    around = machine.states.get(path.rpartition(".")[0]) if machine is not None else None
    return State(path, node.label, around.label if around else "", node.tone, node.final, node.description)


def states(machine: Machine | None, leaves: Iterable[str]) -> list[State]:
    """The active leaves of a configuration, in the order of the document."""
    return [state(machine, leaf) for leaf in leaves]


def resting(machine: Machine | None) -> list[str]:
    """The leaves where a life is over, so that nobody wonders why nothing moves there."""
    top = [] if machine is None else [node for path, node in machine.states.items() if "." not in path]
    return [node.path for node in top if node.final]  # further inside it is a region that is over


def machine_of(catalog: Catalog, type: str, revision: int | None) -> Machine | None:
    """The machine an entity lives under; None when the catalogue does not have it (a log from elsewhere)."""
    try:
        return catalog.active(type) if revision is None else catalog.machine_of(type, revision)
    except CatalogError:
        return None


def kind(catalog: Catalog, type: str) -> Kind:
    """A type by its name, with the label of its active definition."""
    machine = catalog.active(type)
    return Kind(type, label_of(machine, type), machine)


def label_of(machine: Machine | None, type: str) -> str:
    """The definition's own label, or one made of its name."""
    if machine is not None and machine.definition.label:
        return machine.definition.label
    return type.replace("_", " ").capitalize()


def by_tone(machine: Machine | None, counts: Mapping[str, int]) -> list[tuple[State, int]]:
    """States with how many entities are in each, in the order of the document, the empty ones left out."""
    order = {path: at for at, path in enumerate(machine.states)} if machine is not None else {}
    found = sorted(counts.items(), key=lambda item: (order.get(item[0], len(order)), item[0]))
    return [(state(machine, path), count) for path, count in found if count]


def meaning_of(machine: Machine, guard: str) -> str:
    """The expression behind a guard's name; empty for a guard that is written as an expression itself."""
    written = machine.definition.guards.get(guard.partition("(")[0])
    when = written.get("when") if isinstance(written, dict) else None
    return str(when.get("@expr", "")) if isinstance(when, dict) else ""


def leaves_of(state: Configuration | None) -> Leaves:
    """The active leaves of a configuration as views write it."""
    if state is None:
        return ()
    return (state,) if isinstance(state, str) else tuple(state)


def with_ancestors(leaves: Iterable[str]) -> set[str]:
    """Leaves and all states around them."""
    return {".".join(leaf.split(".")[:depth]) for leaf in leaves for depth in range(1, leaf.count(".") + 2)}


def within(counts: Counts) -> Counter[str]:
    """How many entities are in each state, in those around their leaves too: each counts once in each."""
    found: Counter[str] = Counter()
    for configuration in counts.configurations:
        for path in with_ancestors(leaves_of(configuration.state)):
            found[path] += configuration.count
    return found
