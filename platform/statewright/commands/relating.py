"""Related entities: which ones a decision looks at, and how they stood when it began."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from statewright.catalog import Catalog
from statewright.commands.names import fault_of_entity_id
from statewright.machine.compile import Machine
from statewright.machine.expressions import Related
from statewright.machine.record import Head
from statewright.stores.words import Ref


class Seen(Struct, frozen=True):
    """What a decision sees of others: by the relation's name, those that exist. `reads` is what its record says of it.

    `hidden` are the paths of their personal fields, which no explanation shows.
    """

    related: Mapping[str, Related]
    hidden: frozenset[str]
    reads: dict[str, tuple[str, int]]


NOTHING = Seen({}, frozenset(), {})


def refs_of(machine: Machine, data: Mapping[str, Any]) -> dict[str, Ref]:
    """By relation, the entities that keys in the data name; one that cannot be an entity's id names none."""
    found: dict[str, Ref] = {}
    for name, relation in machine.relations.items():
        id = data.get(relation.key or "")
        if isinstance(id, str) and fault_of_entity_id(id) is None:
            found[name] = Ref(relation.entity, id)
    return found


def seen_of(catalog: Catalog, refs: Mapping[str, Ref], heads: Mapping[Ref, Head | None]) -> Seen:
    """How the entities at `refs` stand, by heads that were read before."""
    related: dict[str, Related] = {}
    hidden: set[str] = set()
    reads: dict[str, tuple[str, int]] = {}
    for name, ref in refs.items():
        head = heads[ref]
        if head is None:
            continue
        place = catalog.machine_of(ref.type, head.revision).places.at(head.leaves)
        related[name] = Related(head.version, head.data, place.active)
        hidden.update(f"related.{name}.{field}" for field in head.personal)
        reads[name] = ref.id, head.version
    return Seen(related, frozenset(hidden), reads)


def likely_refs(machine: Machine, *data: Mapping[str, Any]) -> Iterator[Ref]:
    """The entities that a decision may look at: by the data as they are, and as what is sent may make them."""
    for fields in data:
        yield from refs_of(machine, fields).values()


def missing_of(refs: Iterable[Ref], heads: Mapping[Ref, Head | None]) -> list[Ref]:
    """Those of `refs` that were not read yet."""
    return [ref for ref in refs if ref not in heads]
