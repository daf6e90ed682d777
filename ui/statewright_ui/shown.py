"""States and types as pages show them: by their label and tone, whatever the revision they come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct

from statewright.catalog import Catalog
from statewright.catalog.errors import CatalogError
from statewright.machine.compile import Machine


class State(Struct, frozen=True):
    """One state for readers. `path` is its name in the definition."""

    path: str
    label: str
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
    return State(path, node.label, node.tone, node.final, node.description)


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
