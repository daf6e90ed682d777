"""What a consolidator is: a name, a number, tables, and what it makes of a batch of the log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import ClassVar, Protocol, runtime_checkable

from sqlalchemy import Connection, MetaData

from statewright.machine.definition import Relation
from statewright.machine.record import Leaves, Record


class Unhandled(Exception):
    """A consolidator cannot handle `record`; its entity is parked until the view is rebuilt or it is tried again."""

    def __init__(self, record: Record, reason: str) -> None:
        super().__init__(f"{record.type}/{record.entity}, version {record.version}: {reason}")
        self.record = record
        self.reason = reason


@runtime_checkable
class Consolidator(Protocol):
    """A read model built from the log into tables of its own. Made once per generation of its tables.

    `number` is raised when the same log would give other rows or other columns: the view is then rebuilt. `tables` hold
    nothing but this generation's and carry its number in their names (`stays_3`). Each has a primary key, by which a
    rebuilt one is copied.
    """

    name: ClassVar[str]
    number: ClassVar[int]
    tables: MetaData

    def __init__(self, generation: int) -> None: ...

    def consolidate(self, batch: Sequence[Record], connection: Connection) -> None:
        """Bring the tables up by `batch`, transitions in log order, in the transaction that is open on `connection`.

        The place is saved in the same transaction, so every transition counts exactly once. Raises Unhandled for a
        transition it cannot handle; anything else it raises is held against the transitions one by one. What is kept
        in memory beside the tables must be dropped when `forget` is called.
        """
        ...

    def forget(self) -> None:
        """The transaction was undone: know only what the tables say."""
        ...


class Building(Protocol):
    """The log as a rebuild reads it: from its start to where it ended when the rebuild began."""

    def __aiter__(self) -> AsyncIterator[Sequence[Record]]:
        """Batches in log order, without the transitions of entities that were parked."""
        ...

    def park(self, record: Record, reason: str) -> None:
        """Leave `record` and its entity's later transitions out; the caller skips those it holds already."""
        ...


@runtime_checkable
class Rebuilds(Protocol):
    """A consolidator that has a quicker way to begin anew than to consolidate batch after batch."""

    async def rebuild(self, feed: Building, connection: Connection) -> None:
        """Fill the empty tables, which have no secondary indexes yet, with what the whole of `feed` says.

        Runs on the event loop: hand whatever takes more than some milliseconds to a thread.
        """
        ...


class Definitions(Protocol):
    """What a consolidator may ask of the definitions, since the log does not say it."""

    def relations(self, type: str, revision: int) -> Mapping[str, Relation]:
        """The relations of a revision, by name. Raises LookupError, with a sentence, for one that is not known."""
        ...


@runtime_checkable
class Informed(Protocol):
    """A consolidator that asks the definitions. It is told whom to ask before its first batch."""

    def inform(self, definitions: Definitions) -> None:
        """Ask `definitions` from now on."""
        ...


JOINT = ", "
"""Stands between the leaves of a configuration written as text; no name of a state has a comma in it."""


def text_of_state(leaves: Leaves) -> str:
    """A configuration as one readable text."""
    return leaves[0] if len(leaves) == 1 else JOINT.join(leaves)


def leaves_of_state(text: str) -> Leaves:
    """The leaves of a configuration written as text."""
    return tuple(text.split(JOINT))
