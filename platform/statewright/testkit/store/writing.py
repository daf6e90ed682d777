"""Making what a committer would hand to a store, and reading back all that a store holds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from statewright.machine.record import Head, Record, fold
from statewright.stores.words import START, Append, Conflict, EventStore, Outcome, Place, Recorded, Ref, Step

NOON = 1_700_000_000_000_000
"""The committer's clock unless a promise says otherwise, in microseconds."""

CART = Ref("cart", "7")
ORDER = Ref("order", "42")
PARCEL = Ref("parcel", "42")


class Move(NamedTuple):
    """One transition to be made: of which entity, decided on which head, and what its record says."""

    ref: Ref
    before: Head | None
    written: dict[str, Any]


def move(ref: Ref, before: Head | None, **written: Any) -> Move:
    """A transition of `ref` decided on `before` (None creates it), with whatever else its record should hold."""
    return Move(ref, before, written)


def command(name: str, *moves: Move, now: int = NOON, digest: str = "") -> Append:
    """The moves as one command; a later move of the same entity is decided on the head after the earlier one."""
    digest = digest or f"digest of {name} for {'/'.join(moves[0].ref)}"  # what was asked says of whom, too
    reached: dict[Ref, Head] = {}
    steps = []
    for ref, before, written in moves:
        head = reached.get(ref, before)
        line = _record(name, digest, ref, head, now, written)
        after = reached[ref] = fold(head, line)
        steps.append(Step(line, head, after))
    return Append(name, digest, now, steps)


def _record(name: str, digest: str, ref: Ref, head: Head | None, now: int, written: dict[str, Any]) -> Record:
    version = head.version + 1 if head else 1
    usual: dict[str, Any] = {
        "kind": "event" if head else "created",
        "event": "TURN" if head else None,
        "from_": head.leaves if head else None,
        "to": (f"state_{version}",),
        "recorded_at": now,
    }
    return Record(
        type=ref.type,
        entity=ref.id,
        version=version,
        revision=1,
        command=name,
        digest=digest,
        **{**usual, **written},
    )


async def head_of(store: EventStore, ref: Ref) -> Head | None:
    """Where one entity stands."""
    (head,) = await store.heads([ref])
    return head


async def standing(store: EventStore, ref: Ref) -> Head:
    """Where an entity stands that must be there."""
    head = await head_of(store, ref)
    assert head is not None, f"{ref} was recorded, yet heads() does not know it"
    return head


async def record(store: EventStore, *commands: Append) -> Sequence[Record]:
    """Append commands as one group, all of which must be recorded; their transitions in order."""
    outcomes = await store.append(commands)
    return [line for outcome in outcomes for line in recorded(outcome).records]


async def turn(store: EventStore, ref: Ref, times: int, named: str = "turn") -> Head:
    """Move an entity `times` times by commands `named-<version>`, a group of one each, creating it if need be."""
    head = await head_of(store, ref)
    for _ in range(times):
        version = head.version + 1 if head else 1
        await record(store, command(f"{named}-{version}", move(ref, head)))
        head = await standing(store, ref)
    assert head is not None
    return head


def recorded(outcome: Outcome) -> Recorded:
    """The outcome, which must be that the command was recorded."""
    assert isinstance(outcome, Recorded), f"should have been recorded, but the outcome is {outcome}"
    return outcome


def conflicting(outcome: Outcome) -> Conflict:
    """The outcome, which must be a conflict."""
    assert isinstance(outcome, Conflict), f"should have conflicted, but the outcome is {outcome}"
    return outcome


async def whole_log(store: EventStore, after: Place = START, page: int = 100) -> list[Record]:
    """Every transition after a place, read in pages."""
    records: list[Record] = []
    while True:
        batch = await store.read(after, page)
        if not batch.records:
            return records
        assert len(batch.records) <= page, f"asked for {page} transitions, got {len(batch.records)}"
        assert store.compare_places(after, batch.place) < 0, f"the place stayed at {after} while transitions came"
        records += batch.records
        after = batch.place


def bytes_of(records: Sequence[Record]) -> list[bytes]:
    """The records as they would be written: equal exactly when nothing at all differs."""
    return [msgspec.json.encode(record) for record in records]


def without_notes(head: Head | None) -> Head | None:
    """The head without what is noted for speed alone: the store's own handle, and the size of its data."""
    return None if head is None else msgspec.structs.replace(head, key=0, size=0)


def folded(records: Sequence[Record]) -> Head | None:
    """The head that the records of one entity add up to."""
    head: Head | None = None
    for line in records:
        head = fold(head, line)
    return head
