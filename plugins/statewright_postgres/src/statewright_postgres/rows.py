"""Records and heads out of the strings that a statement packed many rows into."""

from __future__ import annotations

import struct

import msgspec

from statewright.machine.record import Head, Record, fold
from statewright.stores.words import LogDamaged

stamps_of = struct.Struct(">qqq").iter_unpack
"""Of each row its position, its time and its committer's clock, -1 where that is no other."""
decode_all = msgspec.json.Decoder(list[Record]).decode
_decode_head = msgspec.json.Decoder(Head).decode


def records_of(stamps: bytes | None, records: str | None) -> list[Record]:
    """The rows that a statement packed. Raises LogDamaged, at the first of them, when they cannot be read."""
    if stamps is None or records is None:
        return []
    try:
        found = decode_all(f"[{records}]")
    except msgspec.DecodeError as error:
        raise LogDamaged(next(stamps_of(stamps))[0], str(error)) from error
    if len(found) * 24 != len(stamps):
        raise LogDamaged(next(stamps_of(stamps))[0], "a row holds more than one record")
    for record, (position, recorded_at, clock) in zip(found, stamps_of(stamps), strict=True):
        record.position = position
        record.recorded_at = recorded_at
        if clock >= 0:
            record.now = clock
    return found


def head_of(
    key: int, snapshot: str | None, sealed: str | None, stamps: bytes | None, records: str | None
) -> Head | None:
    """The head that a snapshot, if there is one, and the transitions after it add up to. Raises LogDamaged."""
    head: Head | None = None
    if snapshot is not None:
        head = _decode_head(snapshot)
        if sealed is not None:
            head.data.update(msgspec.json.decode(sealed))
    for record in records_of(stamps, records):
        head = fold(head, record)
    if head is not None:
        head.key = key
    return head
