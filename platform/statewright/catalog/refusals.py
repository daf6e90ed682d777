"""Refusals: counted for good, the latest kept whole, written from memory once a second off the hot path.

A crash may lose a second of them. They are no part of the log, since nothing happened; but what people tried and could
not do is often what a modeler most wants to know.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace
from sqlalchemy import Engine, text
from sqlmodel import Session, col, func, insert, select

from statewright.catalog.database import writing
from statewright.catalog.errors import CatalogError
from statewright.catalog.noted import Group, Noted, Told, Wanted
from statewright.catalog.tables import RefusalCountRow, RefusalRow
from statewright.machine.compile import Machine
from statewright.machine.moments import Micros
from statewright.machine.record import ANONYMOUS, Actor, Leaves
from statewright.stores.words import BadPlace

KEPT = 10_000
"""How many refusals are kept whole; older ones live on in the counts."""
NAMES = 200
"""How many unknown event names of a type are counted by name; what comes after them is counted as `*`."""
PAYLOAD = 4_096
"""The largest payload, in bytes of JSON, that is kept with a refusal."""
OTHERS = "*"
_NAME = 200
_HOUR = 3_600_000_000
_WITHHELD = {"withheld": True}
_SAYS_NO_VALUES = frozenset(
    {"unknown_type", "unknown_entity", "version_conflict", "final", "unknown_event", "not_in_this_state", "not_allowed"}
)
_FORGET_OLD = text("delete from refusal where id <= (select max(id) from refusal) - :kept")
_ADD_COUNT = text(
    "insert into refusal_count (type, revision, state, event, why, hour, count)"
    " values (:type, :revision, :state, :event, :why, :hour, :count)"
    " on conflict (type, revision, state, event, why, hour)"
    " do update set count = refusal_count.count + excluded.count"
)
_log = logging.getLogger("statewright.catalog")


class Refusal(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """An event that was not let through, and why. Times are microseconds since 1970-01-01T00:00:00Z.

    `at` is the committer's clock. `event` is None where a creation was refused, `leaves` is empty and `version` 0
    where the entity does not exist, `revision` is 0 where the type is unknown. `cut`: the payload
    was too large to keep.
    """

    at: Micros
    type: str
    entity: str
    event: str | None
    why: str
    detail: str = ""
    leaves: Leaves = ()
    version: int = 0
    revision: int = 0
    command: str = ""
    actor: Actor = ANONYMOUS
    occurred_at: Micros | None = None
    payload: dict[str, Any] = {}
    explanation: list[dict[str, Any]] = []
    cut: bool = False


class RefusalCount(Struct, frozen=True):
    """How often `event` (None: creation) was refused in the configuration `leaves` for the reason `why`."""

    leaves: Leaves
    event: str | None
    why: str
    count: int


class RefusalPage(Struct, frozen=True):
    """Refusals, oldest first; `next` goes into `after` for the ones that follow, None when these were the last."""

    items: list[Refusal]
    next: str | None


_Key = tuple[str, int, str, str, str, int]
_decode = msgspec.json.Decoder(Refusal).decode


class Refusals:
    """Takes note of refusals and answers questions about them. `machine_of` says which of their fields are personal."""

    def __init__(self, engine: Engine, machine_of: Callable[[str, int], Machine]) -> None:
        self._engine = engine
        self._machine_of = machine_of
        self._lock = threading.Lock()
        self._counts: dict[_Key, int] = {}
        self._waiting: deque[Refusal] = deque(maxlen=KEPT)
        self._flushing = threading.Lock()
        self._names: dict[str, set[str]] = {}
        self._closing = threading.Event()
        self._writer: threading.Thread | None = None
        self._noted = Noted(engine, KEPT)

    def note(self, refusal: Refusal) -> None:
        """Remember a refusal: a microsecond or two, in memory; it is written within the second."""
        if len(refusal.type) > _NAME:  # what nobody registered may be of any length, and much may come in a second
            refusal = replace(refusal, type=refusal.type[:_NAME])
        hour = (refusal.at if refusal.occurred_at is None else refusal.occurred_at) // _HOUR
        state = "|".join(refusal.leaves)  # no name may contain a bar
        key = (refusal.type, refusal.revision, state, refusal.event or "", refusal.why, hour)
        with self._lock:
            self._counts[key] = self._counts.get(key, 0) + 1
            self._waiting.append(refusal)
        if self._writer is None:
            self._start()

    def counts(self, type: str, since: Micros | None = None, until: Micros | None = None) -> list[RefusalCount]:
        """Counts per configuration, event and reason, the most frequent first.

        By the hour of business time: from the hour of `since` to the last hour that begins before `until`.
        """
        self.flush()
        row = RefusalCountRow
        total = func.sum(row.count)
        asked = select(row.state, row.event, row.why, total).where(row.type == type)
        if since is not None:
            asked = asked.where(row.hour >= since // _HOUR)
        if until is not None:
            asked = asked.where(row.hour < -(-until // _HOUR))
        asked = asked.group_by(col(row.state), col(row.event), col(row.why)).order_by(total.desc(), col(row.state))
        with Session(self._engine) as session:
            return [
                RefusalCount(tuple(state.split("|")) if state else (), event or None, why, count)
                for state, event, why, count in session.exec(asked)
            ]

    def page(
        self,
        *,
        type: str | None = None,
        state: str | None = None,
        event: str | None = None,
        why: str | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> RefusalPage:
        """The refusals kept that fit, oldest first; `state` is one leaf. Raises BadPlace for a bad `after`."""
        self.flush()
        row = RefusalRow
        asked = select(row.id, row.refusal).where(col(row.id) > _place(after)).order_by(col(row.id)).limit(limit + 1)
        for column, wanted in ((row.type, type), (row.event, event), (row.why, why)):
            if wanted is not None:
                asked = asked.where(column == wanted)
        if state is not None:
            # Cut out what is looked for, and see whether anything is missing: the one way that all databases know.
            leaves = "|" + col(row.state) + "|"
            asked = asked.where(func.replace(leaves, f"|{state}|", "") != leaves)
        with Session(self._engine) as session:
            found = session.exec(asked).all()
        items = [_decode(kept) for _, kept in found[:limit]]
        return RefusalPage(items, str(found[limit - 1][0]) if len(found) > limit else None)

    def latest(self, type: str | None = None, *, limit: int = 100) -> list[Refusal]:
        """The last refusals kept, newest first."""
        self.flush()
        asked = select(RefusalRow.refusal).order_by(col(RefusalRow.id).desc()).limit(limit)
        if type is not None:
            asked = asked.where(RefusalRow.type == type)
        with Session(self._engine) as session:
            return [_decode(kept) for kept in session.exec(asked)]

    def told(self, wanted: Wanted) -> dict[Group, Told]:
        """By which rules and to which callers events were refused, among the refusals kept whole."""
        self.flush()
        return self._noted.told(wanted)

    def matching(self, wanted: Wanted, *, before: int | None = None, limit: int = 100) -> list[tuple[int, Refusal]]:
        """The refusals kept that are meant, newest first, each with its id; those below the id `before`."""
        self.flush()
        ids = self._noted.ids(wanted, before, limit)
        asked = select(RefusalRow.id, RefusalRow.refusal).where(col(RefusalRow.id).in_(ids))
        with Session(self._engine) as session:
            found = [(id, _decode(kept)) for id, kept in session.exec(asked) if id is not None]
        return sorted(found, key=lambda each: -each[0])

    def one(self, id: int) -> Refusal | None:
        """A refusal by its id; None for one that is not kept any more."""
        self.flush()
        with Session(self._engine) as session:
            row = session.get(RefusalRow, id)
            return None if row is None else _decode(row.refusal)

    def flush(self) -> None:
        """Write what is in memory; durable when it returns. What cannot be written stays in memory."""
        with self._flushing:
            with self._lock:
                counts, self._counts = self._counts, {}
                waiting, self._waiting = self._waiting, deque(maxlen=KEPT)
            if not counts:
                return
            try:
                self._write(counts, waiting)
            except BaseException:
                self._take_back(counts, waiting)
                raise

    def close(self) -> None:
        """Stop writing once a second, and write what is left."""
        self._closing.set()
        if self._writer is not None:
            self._writer.join()
        self.flush()

    # --- The writer ---

    def _start(self) -> None:
        with self._lock:
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_every_second, name="refusals", daemon=True)
                self._writer.start()

    def _write_every_second(self) -> None:
        while not self._closing.wait(1.0):
            try:
                self.flush()
            except Exception:
                _log.exception("refusals could not be written; they stay in memory and are tried again in a second")

    def _write(self, counts: dict[_Key, int], waiting: Iterable[Refusal]) -> None:
        rows = [_row(self._fit_to_keep(refusal)) for refusal in waiting]
        with writing(self._engine) as session:
            connection = session.connection()
            added = self._by_known_names(session, counts)
            connection.execute(_ADD_COUNT, [_counts_row(key, count) for key, count in added.items()])
            connection.execute(insert(RefusalRow), rows)
            connection.execute(_FORGET_OLD, {"kept": KEPT})

    def _take_back(self, counts: dict[_Key, int], waiting: deque[Refusal]) -> None:
        with self._lock:
            for key, count in counts.items():
                self._counts[key] = self._counts.get(key, 0) + count
            waiting.extend(self._waiting)
            self._waiting = waiting

    def _by_known_names(self, session: Session, counts: dict[_Key, int]) -> dict[_Key, int]:
        """The counts with names that anyone can make up kept to a few, or a careless sender would fill the table."""
        bounded: dict[_Key, int] = {}
        for (type, revision, state, event, why, hour), count in counts.items():
            if why == "unknown_type":
                type = OTHERS
            if why in ("unknown_type", "unknown_event"):
                event = self._known_name(session, type, event[:_NAME])
            key = (type, revision, state, event, why, hour)
            bounded[key] = bounded.get(key, 0) + count
        return bounded

    def _known_name(self, session: Session, type: str, event: str) -> str:
        if type not in self._names:
            row = RefusalCountRow
            seen = select(row.event).where(row.type == type, col(row.why).in_(("unknown_type", "unknown_event")))
            self._names[type] = set(session.exec(seen.distinct()))
        names = self._names[type]
        if event not in names and len(names) >= NAMES:
            return OTHERS
        names.add(event)
        return event

    def _fit_to_keep(self, refusal: Refusal) -> Refusal:
        """The refusal with personal values masked and names and payload cut to a bearable size."""
        if len(msgspec.json.encode(refusal.payload)) > PAYLOAD:
            refusal = replace(refusal, payload={}, cut=True)
        refusal = replace(refusal, type=refusal.type[:_NAME], event=refusal.event and refusal.event[:_NAME])
        try:
            machine = self._machine_of(refusal.type, refusal.revision)
        except CatalogError:
            return _masked(refusal, frozenset(refusal.payload))  # no definition says which of them are personal
        personal = machine.personal.union(*(schema.personal for schema in machine.events.values()))
        return _masked(refusal, personal) if personal else refusal


def _masked(refusal: Refusal, personal: frozenset[str]) -> Refusal:
    return replace(
        refusal,
        payload={name: _WITHHELD if name in personal else value for name, value in refusal.payload.items()},
        detail=refusal.detail if refusal.why in _SAYS_NO_VALUES else "",
        explanation=[{key: value for key, value in tried.items() if key != "where"} for tried in refusal.explanation],
    )


def _row(refusal: Refusal) -> dict[str, str]:
    return {
        "type": refusal.type,
        "state": "|".join(refusal.leaves),
        "event": refusal.event or "",
        "why": refusal.why,
        "refusal": msgspec.json.encode(refusal).decode(),
    }


def _counts_row(key: _Key, count: int) -> dict[str, Any]:
    columns = ("type", "revision", "state", "event", "why", "hour")
    return dict(zip(columns, key, strict=True)) | {"count": count}


def _place(after: str | None) -> int:
    if after is None:
        return 0
    if not after.isascii() or not after.isdigit() or len(after) > 18:
        raise BadPlace(f"{after[:40]!r} is no place among the refusals; hand back `next` as it came")
    return int(after)
