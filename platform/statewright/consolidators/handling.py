"""A batch given to a consolidator so that one bad transition parks its entity and nothing else is lost or skipped."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct
from sqlalchemy import Connection, insert, update
from sqlalchemy.exc import DBAPIError

from statewright.consolidators.database import parked as parked_table
from statewright.consolidators.folding import Key, sentence_of
from statewright.consolidators.words import Consolidator, Unhandled
from statewright.machine.record import Record

_TRIES = 5
"""How many transitions may be found bad with the whole batch tried anew for each; then they go one by one."""

_ALL_OF = 3
"""From how many entities on it is the consolidator that fails, and not its entities, when every one of them fails."""


class ParkedHere(Struct, gc=False):
    """An entity parked by one generation: the first transition it could not handle, and how many are held since."""

    type: str
    entity: str
    version: int
    position: int
    reason: str
    held: int = 0
    stored: bool = False
    changed: bool = True


class Parking:
    """The entities that one generation of a consolidator has parked."""

    def __init__(self, parked: Iterable[ParkedHere] = ()) -> None:
        self.entities: dict[Key, ParkedHere] = {(each.type, each.entity): each for each in parked}

    def park(self, record: Record, reason: str) -> None:
        """Hold `record` and what follows of its entity, from now on."""
        entity = ParkedHere(record.type, record.entity, record.version, record.position, reason)
        self.entities[record.type, record.entity] = entity

    def sift(self, records: Sequence[Record]) -> Sequence[Record]:
        """`records` without those that are held."""
        if not self.entities:
            return records
        return [record for record in records if not self._holds(record)]

    def count(self, records: Sequence[Record]) -> None:
        """Add those of `records` that are held to their entities' counts; once for every batch."""
        if not self.entities:
            return
        for record in records:
            if self._holds(record):
                entity = self.entities[record.type, record.entity]
                entity.held += 1
                entity.changed = True

    def _holds(self, record: Record) -> bool:
        entity = self.entities.get((record.type, record.entity))
        return entity is not None and record.version >= entity.version

    def save(self, name: str, generation: int, now: int, connection: Connection) -> None:
        """Write what changed, in the transaction of the rows."""
        for entity in self.entities.values():
            if not entity.changed:
                continue
            entity.changed = False
            found = (
                parked_table.c.name == name,
                parked_table.c.generation == generation,
                parked_table.c.type == entity.type,
                parked_table.c.entity == entity.entity,
            )
            values = {
                "version": entity.version,
                "position": entity.position,
                "reason": entity.reason,
                "held": entity.held,
            }
            if entity.stored:
                connection.execute(update(parked_table).where(*found).values(values))
            else:
                place = {"name": name, "generation": generation, "type": entity.type, "entity": entity.entity}
                connection.execute(insert(parked_table).values({**place, **values, "parked_at": now}))
                entity.stored = True


Handling = Callable[[Consolidator, Sequence[Record], Connection, Parking], None]


def handle_all(consolidator: Consolidator, records: Sequence[Record], connection: Connection, parking: Parking) -> None:
    """Have `consolidator` handle `records`, or fail; the whole transaction is then to be undone.

    A savepoint to undo no more than these would double the cost: SQLite copies every page before it is changed.
    """
    records = parking.sift(records)
    if records:
        consolidator.consolidate(records, connection)


def handle(consolidator: Consolidator, records: Sequence[Record], connection: Connection, parking: Parking) -> None:
    """Have `consolidator` handle `records`, parking the entities whose transitions it cannot.

    Raises what the consolidator raised when it fails altogether: when the database does, or every transition.
    """
    for _ in range(_TRIES):
        try:
            _consolidate(consolidator, parking.sift(records), connection)
        except Unhandled as unhandled:
            parking.park(unhandled.record, unhandled.reason)
        except DBAPIError:
            raise
        except Exception:
            break
        else:
            return
    _one_by_one(consolidator, parking.sift(records), connection, parking)


def _consolidate(consolidator: Consolidator, records: Sequence[Record], connection: Connection) -> None:
    """All of `records` or none."""
    if not records:
        return
    try:
        with connection.begin_nested():
            consolidator.consolidate(records, connection)
    except BaseException:
        consolidator.forget()
        raise


def _one_by_one(
    consolidator: Consolidator, records: Sequence[Record], connection: Connection, parking: Parking
) -> None:
    handled = False
    failed: set[Key] = set()
    for record in records:
        key = (record.type, record.entity)
        if key in failed:
            continue
        try:
            _consolidate(consolidator, [record], connection)
            handled = True
        except DBAPIError:
            raise
        except Exception as error:
            failed.add(key)
            parking.park(record, error.reason if isinstance(error, Unhandled) else sentence_of(error))
            if not handled and len(failed) >= _ALL_OF and len(failed) == len({(r.type, r.entity) for r in records}):
                raise
