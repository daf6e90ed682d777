"""Taking over what another log recorded: what every store asks of it first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from statewright.machine.record import Record
from statewright.stores.words import CannotAdopt, Ref


def require_following(records: Sequence[Record], versions: Mapping[Ref, int], stamp: int) -> None:
    """Raises CannotAdopt for the first record that does not follow what stands in the log and what comes before it.

    `versions` are those of the entities that stand in the log already, `stamp` the log's last `recorded_at`.
    """
    reached = dict(versions)
    for record in records:
        ref = Ref(record.type, record.entity)
        stands_at = reached.get(ref, 0)
        if record.version != stands_at + 1:
            stands = f"stands at version {stands_at} here" if stands_at else "is not in this log"
            raise CannotAdopt(record, f"the entity {stands}")
        if record.recorded_at < stamp:
            raise CannotAdopt(record, "it was recorded before the last transition of this log")
        reached[ref] = record.version
        stamp = record.recorded_at


def commands_of(records: Sequence[Record]) -> Iterator[list[Record]]:
    """The transitions, command by command: those of one stand side by side."""
    return (list(made) for _, made in groupby(records, key=lambda one: (one.command, one.digest)))
