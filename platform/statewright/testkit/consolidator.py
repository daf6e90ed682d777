"""What a consolidator promises, in code: one promise per function, for whoever writes a read model of his own.

    async def test_my_consolidator_keeps_its_promises():
        assert not await broken_promises(MyConsolidator)

Each promise is held against an empty views database and a history that has a little of everything.
"""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Engine, Table, select

from statewright.consolidators.database import opened, writing
from statewright.consolidators.handling import Parking, handle
from statewright.consolidators.words import Consolidator, Informed, Rebuilds
from statewright.machine.definition import Relation
from statewright.machine.record import FORMAT, Actor, Leaves, Record, Timer
from statewright.stores.driver import engine_at

Row = dict[str, Any]
Seen = Callable[[str, Row], Row | None]
"""What readers see of a row in a table (named without its generation); None when they would not miss it."""


def as_it_stands(_table: str, row: Row) -> Row | None:
    """Readers see every row, and all of it."""
    return row


Place = Callable[[], str | None]
"""Gives the URL of an empty database, as SQLAlchemy writes it, another one each time; None for a file that goes."""


def in_a_file() -> str | None:
    """SQLite, in a folder that goes when the promise was tried."""
    return None


async def broken_promises(
    kind: type[Consolidator], seen: Seen = as_it_stands, place: Place = in_a_file
) -> dict[str, Exception]:
    """The promises that a kind of consolidator does not keep, by name, each with what went wrong.

    `seen` leaves out what the consolidator notes for itself, and may note in one way or another; `place` says where.
    """
    broken: dict[str, Exception] = {}
    for promise in PROMISES:
        try:
            await keep(promise, kind, seen, place)
        except Exception as error:
            broken[promise.__name__] = error
    return broken


async def keep(promise: Promise, kind: type[Consolidator], seen: Seen = as_it_stands, place: Place = in_a_file) -> None:
    """Hold one promise against a kind of consolidator. Raises AssertionError, or what it raised, where it is broken."""
    with _empty_database(place()) as engine:
        await promise(Trial(lambda generation: _new(kind, generation), engine, seen))


def _new(kind: type[Consolidator], generation: int) -> Consolidator:
    """A new one, told what the history's definitions say if it is one that asks."""
    consolidator = kind(generation)
    if isinstance(consolidator, Informed):
        consolidator.inform(_Definitions())
    return consolidator


class Trial(NamedTuple):
    """A kind of consolidator, and an empty views database to try it on."""

    kind: Callable[[int], Consolidator]
    engine: Engine
    seen: Seen

    def made(self, generation: int) -> Consolidator:
        """A new one with empty tables of its own."""
        consolidator = self.kind(generation)
        with writing(self.engine) as connection:
            consolidator.tables.create_all(connection)
        return consolidator

    def give(self, consolidator: Consolidator, batch: Sequence[Record]) -> None:
        """Have a batch consolidated, and the transaction kept."""
        with writing(self.engine) as connection:
            consolidator.consolidate(batch, connection)

    def give_and_undo(self, consolidator: Consolidator, batch: Sequence[Record]) -> None:
        """Have a batch consolidated, and the transaction undone."""
        with self.engine.connect().execution_options(writes=True) as connection:
            consolidator.consolidate(batch, connection)
            connection.rollback()
        consolidator.forget()

    def rows(self, consolidator: Consolidator) -> dict[str, list[str]]:
        """What readers see in its tables, by the table's name without its generation."""
        return {table.name.rpartition("_")[0]: self._rows_of(table) for table in consolidator.tables.sorted_tables}

    def _rows_of(self, table: Table) -> list[str]:
        name = table.name.rpartition("_")[0]
        with self.engine.connect() as connection:
            rows = [self.seen(name, dict(row)) for row in connection.execute(select(table)).mappings()]
        return sorted(repr(row) for row in rows if row is not None)

    def after(self, records: Sequence[Record], generation: int, size: int = 1_000_000) -> dict[str, list[str]]:
        """What readers see of a new one after `records`, in batches of `size`."""
        consolidator = self.made(generation)
        for batch in _batches(records, size):
            self.give(consolidator, batch)
        return self.rows(consolidator)


Promise = Callable[[Trial], Awaitable[None]]


# --- the promises


async def tables_carry_their_generation_and_have_keys(trial: Trial) -> None:
    """So that two generations can stand side by side, and a rebuilt one can be copied."""
    for generation in (1, 12):
        tables = trial.kind(generation).tables.sorted_tables
        assert tables, "a consolidator without tables keeps nothing"
        for table in tables:
            assert table.name.endswith(f"_{generation}"), f"{table.name} does not carry its generation, {generation}"
            assert table.primary_key.columns, f"{table.name} has no primary key"


async def a_history_leaves_something_behind(trial: Trial) -> None:
    """Rows that half of it would not have left: else there is nothing to hold the other promises against."""
    whole = trial.after(history(), generation=1)

    assert any(whole.values()), "nothing was written"
    assert whole != trial.after(history()[:60], generation=2)


async def any_cut_into_batches_gives_the_same_rows(trial: Trial) -> None:
    """A batch is as long as the log happened to be when it was read."""
    whole = trial.after(history(), generation=1)

    for generation, size in enumerate((1, 7, 50), 2):
        assert trial.after(history(), generation, size) == whole, f"in batches of {size}"


async def a_new_process_goes_on_from_what_the_tables_say(trial: Trial) -> None:
    """Nothing that matters is in memory alone."""
    trial.made(2)
    for batch in _batches(history(), 11):
        trial.give(trial.kind(2), batch)

    assert trial.rows(trial.kind(2)) == trial.after(history(), generation=1)


async def what_was_undone_leaves_no_trace(trial: Trial) -> None:
    """Neither in the tables nor in memory, once it was told to forget."""
    consolidator = trial.made(2)
    for batch in _batches(history(), 13):
        before = trial.rows(consolidator)
        trial.give_and_undo(consolidator, batch)
        assert trial.rows(consolidator) == before
        trial.give(consolidator, batch)

    assert trial.rows(consolidator) == trial.after(history(), generation=1)


async def a_rebuild_gives_the_rows_that_keeping_up_gives(trial: Trial) -> None:
    """Where there is a quicker way to begin anew, it leads to the same place."""
    rebuilt = await _rebuilt(trial, history())

    assert trial.rows(rebuilt) == trial.after(history(), generation=1, size=9)


async def a_rebuilt_view_is_kept_up_like_any_other(trial: Trial) -> None:
    """What comes after a rebuild finds all it needs in the tables."""
    await _rebuilt(trial, history()[:70])
    for batch in _batches(history()[70:], 11):
        trial.give(trial.kind(2), batch)

    assert trial.rows(trial.kind(2)) == trial.after(history(), generation=1)


async def _rebuilt(trial: Trial, records: Sequence[Record]) -> Consolidator:
    """Generation 2, begun anew with `records`: in its own way if it has one, else batch by batch."""
    consolidator = trial.made(2)
    if isinstance(consolidator, Rebuilds):
        with writing(trial.engine) as connection:
            await consolidator.rebuild(_Building(records), connection)
    else:
        trial.give(consolidator, records)
    return consolidator


async def generations_leave_each_other_alone(trial: Trial) -> None:
    """While one is built, the other is read."""
    one, other = trial.made(1), trial.made(2)
    trial.give(one, history())
    before = trial.rows(one)
    trial.give(other, history()[:40])

    assert trial.rows(one) == before
    trial.give(other, history()[40:])
    assert trial.rows(other) == before


async def records_are_left_as_they_were(trial: Trial) -> None:
    """Others are handed the same ones."""
    records = history()
    trial.after(records, generation=1)

    assert [msgspec.json.encode(each) for each in records] == [msgspec.json.encode(each) for each in history()]


async def what_it_does_not_understand_it_does_not_pass_over(trial: Trial) -> None:
    """A record of a later format is raised, so that its entity is parked and everybody can see it."""
    records = history()
    records[-1].format = FORMAT + 1
    try:
        trial.give(trial.made(1), records)
    except Exception:
        return
    raise AssertionError("a record of a format that does not exist yet was taken for one that is understood")


async def one_bad_transition_holds_up_its_entity_alone(trial: Trial) -> None:
    """The others' rows are as if the rest of its life had never been written."""
    records = history()
    bad = records[len(records) // 2]
    bad.format = FORMAT + 1
    good = [each for each in records if _name(each) != _name(bad) or each.version < bad.version]
    consolidator, parking = trial.made(2), Parking()
    for batch in _batches(records, 10):
        with writing(trial.engine) as connection:
            handle(consolidator, batch, connection, parking)

    assert list(parking.entities) == [_name(bad)]
    assert trial.rows(consolidator) == trial.after(good, generation=1)


PROMISES = (
    tables_carry_their_generation_and_have_keys,
    a_history_leaves_something_behind,
    any_cut_into_batches_gives_the_same_rows,
    a_new_process_goes_on_from_what_the_tables_say,
    what_was_undone_leaves_no_trace,
    a_rebuild_gives_the_rows_that_keeping_up_gives,
    a_rebuilt_view_is_kept_up_like_any_other,
    generations_leave_each_other_alone,
    records_are_left_as_they_were,
    what_it_does_not_understand_it_does_not_pass_over,
    one_bad_transition_holds_up_its_entity_alone,
)


# --- a history


def history() -> list[Record]:
    """A log of 140 transitions, made anew at each call: orders and parcels that come, change, rest, go back and end.

    It has configurations of several leaves, transitions that lead nowhere, late and back-dated ones, personal values,
    nulls, removed fields, timers, two revisions, several actors, ids in other scripts, references to one and to many
    entities, some of which come later and some never, and times that stand still.
    """
    lives = {name: _life(*name) for name in _NAMES}
    positions = count(1)
    records = []
    while lives:
        for name in list(lives):
            record = next(lives[name], None)
            if record is None:
                del lives[name]
                continue
            record.position = next(positions)
            record.recorded_at = _NOON + record.position // 3 * 1_700_000_000  # three at a time
            records.append(record)
    return records


_NOON = 1_700_000_000_000_000
_NAMES = [("order", str(number)) for number in range(12)] + [("parcel", "1"), ("parcel", "日本 🧾"), ("parcel", "ä")]
_PATH: tuple[tuple[str | None, Leaves], ...] = (
    (None, ("cart",)),
    ("ADD", ("cart",)),
    ("SUBMIT", ("review",)),
    ("APPROVE", ("fulfilment.goods.picking", "fulfilment.invoice.open")),
    ("PICK", ("fulfilment.goods.packed", "fulfilment.invoice.open")),
    ("NOTE", ("fulfilment.goods.packed", "fulfilment.invoice.open")),
    ("REJECT", ("review",)),
    ("APPROVE", ("fulfilment.goods.picking", "fulfilment.invoice.open")),
    ("INVOICE", ("fulfilment.goods.picking", "fulfilment.invoice.paid")),
    ("DONE", ("done",)),
)


_AFTER = {"review": ("PT4H", "P1D"), "fulfilment.goods.picking": ("PT1H",)}


def _life(kind: str, id: str) -> Iterator[Record]:
    """One entity's transitions, without position and time; every third stops halfway."""
    number = _NAMES.index((kind, id))
    before: Leaves | None = None
    for version, (event, to) in enumerate(_PATH[: 8 if number % 3 == 0 else len(_PATH)], 1):
        yield Record(
            type=kind,
            entity=id,
            version=version,
            command=f"c-{number}-{version}",
            from_=before,
            to=to,
            revision=1 if version < 6 or number % 2 else 2,
            event=event,
            kind="created" if event is None else "event",
            changes=_changes(number, version),
            removed=("note", "parcels") if version == 7 else (),
            payload={"version": version},
            sealed={"changes": {"name": f"Anna {version}"}} if number % 4 == 1 and version in (1, 5) else {},
            actor=Actor(("anna", "bert", "服务")[(number + version) % 3]),
            occurred_at=_NOON - number * 7_000_000 * (10 - version) if number % 5 == 2 else None,
            timers_started=tuple(
                Timer(leaf, key, _NOON + number * 1_000_000 + version, version)
                for leaf in to
                for key in _AFTER.get(leaf, ())
                if leaf not in (before or ())
            ),
            timers_stopped=tuple(
                (leaf, key) for leaf in before or () for key in _AFTER.get(leaf, ()) if leaf not in to
            ),
        )
        before = to


def _changes(number: int, version: int) -> dict[str, Any]:
    if version == 1:
        return {"total": number, "note": None, "customer": f"c-{number % 3}"}
    if version == 2:
        return {"lines": [{"sku": "A"}] * number, "parcels": ["1", "日本 🧾", "1", f"p-{number}"]}
    return {"note": "later", "customer": "c-9", "returned": "ä"} if version == 6 else {}


class _Definitions:
    """What the definitions of the history's types say: the second revision of orders knows returns."""

    def relations(self, type: str, revision: int) -> Mapping[str, Relation]:
        if type != "order":
            return {}
        found = {
            "customer": Relation(entity="customer", key="customer"),
            "parcels": Relation(entity="parcel", key="parcels", cardinality="many"),
        }
        return found if revision == 1 else {**found, "returned": Relation(entity="parcel", key="returned")}


# --- a views database


@contextmanager
def _empty_database(url: str | None) -> Iterator[Engine]:
    if url is not None:
        engine = opened(url)
        try:
            yield engine
        finally:
            engine.dispose()
        return
    with tempfile.TemporaryDirectory() as folder:
        engine = engine_at(f"sqlite:///{folder}/views.sqlite", ("journal_mode = WAL", "synchronous = OFF"))
        try:
            yield engine
        finally:
            engine.dispose()


class _Building:
    """A history as a rebuild reads it; nothing in it need be parked."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records

    async def __aiter__(self) -> AsyncIterator[Sequence[Record]]:
        for batch in _batches(self._records, 25):
            yield batch

    def park(self, record: Record, reason: str) -> None:
        raise AssertionError(
            f"version {record.version} of {_name(record)} is as it should be, yet was parked: {reason}"
        )


def _batches(records: Sequence[Record], size: int) -> Iterator[Sequence[Record]]:
    for start in range(0, len(records), size):
        yield records[start : start + size]


def _name(record: Record) -> tuple[str, str]:
    return record.type, record.entity
