"""The catalogue: documents and their revisions, the machines made of them, and the refusals they led to."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from typing import Literal, cast

import msgspec
from msgspec import Struct
from sqlalchemy import Engine
from sqlmodel import Session, col, func, select

from statewright.catalog.backtests import Backtests
from statewright.catalog.bulk import BulkEvents
from statewright.catalog.database import opened, writing
from statewright.catalog.drafts import Drafts
from statewright.catalog.errors import (
    InvalidDefinition,
    TooManyDefinitions,
    UnknownRevision,
    UnknownType,
    WrongStatus,
)
from statewright.catalog.machines import Machines
from statewright.catalog.moving import Moving
from statewright.catalog.personal import unprotected
from statewright.catalog.refusals import Refusals
from statewright.catalog.runs import Runs
from statewright.catalog.saved import SavedViews
from statewright.catalog.tables import RevisionRow, TypeRow
from statewright.machine.compile import Machine
from statewright.machine.moments import Micros
from statewright.machine.problem import Problem, pointer_of
from statewright.machine.reading import Reading, placed
from statewright.machine.surroundings import Named, Surroundings, named_in, other
from statewright.reading import Reader

Status = Literal["draft", "active", "retired"]

TYPES = 1_000
"""How many entity types a catalogue holds."""
REVISIONS = 1_000
"""How many revisions of one type a catalogue holds."""


class Revision(Struct, frozen=True, kw_only=True):
    """One registered document. `problems` are those found when it was registered; times are microseconds since 1970."""

    type: str
    revision: int
    status: Status
    digest: str
    problems: list[Problem]
    registered_at: Micros
    activated_at: Micros | None
    retired_at: Micros | None


class Registration(Struct, frozen=True):
    """What registering a document came to. `created` is False when the same document was registered before."""

    type: str
    revision: int
    status: Status
    digest: str
    problems: list[Problem]
    created: bool


class TypeEntry(Struct, frozen=True):
    """An entity type: its active revision (None when there is none), its latest, and how many there are."""

    type: str
    active: int | None
    latest: int
    revisions: int


class Catalog:
    """All that is known about definitions. Whatever changes it is durable before it returns."""

    def __init__(
        self, engine: Engine, *, allow_unprotected_personal_data: bool = False, reads_apart: bool = False
    ) -> None:
        """`reads_apart`: large documents are read in a process of its own, so that this one serves others meanwhile."""
        self._engine = engine
        self._allows_personal = allow_unprotected_personal_data
        self.reader = Reader(apart=reads_apart)
        self._machines = Machines(engine, self.reader)
        self.refusals = Refusals(engine, self.machine_of)
        self.backtests = Backtests(engine)
        self.runs = Runs(engine)
        self.saved_views = SavedViews(engine)
        self.bulk_events = BulkEvents(engine)
        self.drafts = Drafts(engine, self._beginning)
        self.moving = Moving(engine)

    @classmethod
    def open(cls, url: str, *, allow_unprotected_personal_data: bool = False, reads_apart: bool = False) -> Catalog:
        """The catalogue in the database at `url` (as SQLAlchemy writes it), made when it is not there yet."""
        return cls(
            opened(url), allow_unprotected_personal_data=allow_unprotected_personal_data, reads_apart=reads_apart
        )

    def close(self) -> None:
        """Write the refusals still in memory and let go of the database."""
        self.refusals.close()
        self.reader.close()
        self._machines.close()
        self._engine.dispose()

    # --- Machines, for the hot path ---

    def refresh(self) -> None:
        """See what other processes activated or retired; asked once per group of commands, a microsecond or two."""
        self._machines.refresh()

    def active(self, type: str) -> Machine | None:
        """The machine that new entities of `type` begin under, as of the last `refresh`; None when there is none."""
        return self._machines.active(type)

    def machine_of(self, type: str, revision: int) -> Machine:
        """The machine of a revision, retired ones included, since entities go on living under them.

        Raises UnknownRevision for one that was never registered, InvalidDefinition for a draft with errors.
        """
        return self._machines.of(type, revision)

    def relating(self) -> Collection[str]:
        """The types whose entities' decisions look at others, as far as machines are known already; often none."""
        return self._machines.relating

    # --- Documents ---

    def check(self, text: bytes) -> list[Problem]:
        """All that is wrong with a document, in the order of the text; nothing is stored."""
        return self._problems(self._read(text), text)

    def register(self, text: bytes, *, activate: bool = False) -> Registration:
        """Keep a document as a new draft, or find the revision that it is already; `activate` makes it the active one.

        Raises InvalidDefinition with all problems when it is malformed, or when it is to be activated and has errors;
        TooManyDefinitions when the catalogue is full.
        """
        reading = self._read(text)
        problems = self._problems(reading, text)
        if reading.definition is None or (activate and _forbidden(problems)):
            raise InvalidDefinition(problems)
        with writing(self._engine) as session:
            row = _same_document(session, reading.definition.id, reading.digest)
            created = row is None
            if row is None:
                row = _new_draft(session, reading.definition.id, reading.digest, text, problems)
            registered = Registration(row.type, row.revision, cast(Status, row.status), row.digest, problems, created)
        if activate:
            status = self.activate(registered.type, registered.revision).status
            return msgspec.structs.replace(registered, status=status)
        return registered

    def activate(self, type: str, revision: int) -> Revision:
        """Make a draft, or a revision retired earlier, the one that new entities begin under; the earlier one retires.

        Raises InvalidDefinition with all problems when it has errors, UnknownType and UnknownRevision.
        """
        text = self.document(type, revision)
        problems = self._problems(self._read(text), text)
        if _forbidden(problems):
            raise InvalidDefinition(problems)
        self.machine_of(type, revision)  # compiled here, before the hot path asks for it
        return self._change(type, revision, _make_active)

    def retire(self, type: str, revision: int) -> Revision:
        """Let no new entity begin under a revision; those under way stay on it.

        Raises WrongStatus for a draft, UnknownType and UnknownRevision.
        """
        return self._change(type, revision, _retire)

    def delete_draft(self, type: str, revision: int) -> None:
        """Forget a draft; its number is not given again.

        Raises WrongStatus for a revision that is or was active, UnknownType and UnknownRevision.
        """
        with writing(self._engine) as session:
            row = _row(session, type, revision)
            if row.status != "draft":
                raise WrongStatus(type, revision, row.status, "a draft")
            session.delete(row)

    def types(self) -> list[TypeEntry]:
        """Every type with a registered revision, by name."""
        active = func.max(RevisionRow.revision).filter(col(RevisionRow.status) == "active")
        latest, count = func.max(RevisionRow.revision), func.count()
        with Session(self._engine) as session:
            rows = session.exec(
                select(RevisionRow.type, active, latest, count)
                .group_by(col(RevisionRow.type))
                .order_by(col(RevisionRow.type))
            ).all()
        return [TypeEntry(*row) for row in rows]

    def revisions(self, type: str) -> list[Revision]:
        """The revisions of a type, oldest first. Raises UnknownType."""
        with Session(self._engine) as session:
            rows = session.exec(
                select(RevisionRow).where(RevisionRow.type == type).order_by(col(RevisionRow.revision))
            ).all()
        if not rows:
            raise UnknownType(type)
        return [_revision_of(row) for row in rows]

    def revision(self, type: str, revision: int) -> Revision:
        """One revision. Raises UnknownType and UnknownRevision."""
        with Session(self._engine) as session:
            return _revision_of(_row(session, type, revision))

    def document(self, type: str, revision: int | None = None) -> bytes:
        """The text of a revision exactly as it was registered; of the active one when no revision is named.

        Raises UnknownType, and UnknownRevision when there is no such revision or none is active.
        """
        with Session(self._engine) as session:
            row = _active_row(session, type) if revision is None else _row(session, type, revision)
            return row.document.encode()

    def _beginning(self, type: str) -> tuple[str, int]:
        """What a draft of a type begins with: its active revision, else the latest. Raises UnknownType."""
        revisions = self.revisions(type)
        active = [revision for revision in revisions if revision.status == "active"]
        chosen = [*active, revisions[-1]][0].revision
        return self.document(type, chosen).decode(), chosen

    def _read(self, text: bytes) -> Reading:
        """Read a document among what is registered here."""
        return self.reader.definition(text, self._around(named_in(text)))

    def _around(self, named: Named) -> Surroundings:
        """The active revisions of related types, and the earlier ones of its own that it migrates."""
        machines = {type: self.active(type) for type in named.types}
        types = {type: other(machine.definition) for type, machine in machines.items() if machine is not None}
        if not named.revisions:
            return Surroundings(types)
        with Session(self._engine) as session:
            where = (RevisionRow.type == named.type, col(RevisionRow.revision).in_(named.revisions[:REVISIONS]))
            rows = session.exec(select(RevisionRow.revision, RevisionRow.document).where(*where)).all()
        read = {number: self.reader.definition(document.encode()).definition for number, document in rows}
        return Surroundings(types, {number: other(found) for number, found in read.items() if found is not None})

    def _problems(self, reading: Reading, text: bytes) -> list[Problem]:
        """What is wrong with the document itself, and with it in this installation."""
        found = list(reading.problems)
        if reading.definition is None:
            return found
        own = [] if self._allows_personal else list(unprotected(reading.definition))
        registered = {entry.type for entry in self.types()} | {reading.definition.id}
        for name, relation in reading.definition.relations.items():
            if relation.entity not in registered:
                own.append(_unregistered(name, relation.entity))
        return found + list(placed(own, text)) if own else found

    def _change(self, type: str, revision: int, change: Callable[[Session, RevisionRow], None]) -> Revision:
        with writing(self._engine) as session:
            row = _row(session, type, revision)
            change(session, row)
            changed = _revision_of(row)
        self.refresh()
        return changed


def _forbidden(problems: Sequence[Problem]) -> bool:
    return any(problem.severity != "warning" for problem in problems)


def _unregistered(name: str, type: str) -> Problem:
    return Problem(
        code="unregistered_type",
        severity="warning",
        pointer=pointer_of("relations", name, "entity"),
        sentence=f"no definition of {type!r} is registered yet",
    )


def _now() -> Micros:
    return time.time_ns() // 1_000


def _row(session: Session, type: str, revision: int) -> RevisionRow:
    row = session.get(RevisionRow, (type, revision))
    if row is None:
        raise _unknown(session, type, revision)
    return row


def _active_row(session: Session, type: str) -> RevisionRow:
    row = session.exec(select(RevisionRow).where(RevisionRow.type == type, RevisionRow.status == "active")).first()
    if row is None:
        raise _unknown(session, type, None)
    return row


def _unknown(session: Session, type: str, revision: int | None) -> UnknownType | UnknownRevision:
    any_of_type = session.exec(select(RevisionRow.revision).where(RevisionRow.type == type)).first()
    return UnknownType(type) if any_of_type is None else UnknownRevision(type, revision)


def _same_document(session: Session, type: str, digest: str) -> RevisionRow | None:
    return session.exec(select(RevisionRow).where(RevisionRow.type == type, RevisionRow.digest == digest)).first()


def _new_draft(session: Session, type: str, digest: str, text: bytes, problems: list[Problem]) -> RevisionRow:
    entry = session.get(TypeRow, type)
    if entry is None:
        if session.exec(select(func.count()).select_from(TypeRow)).one() >= TYPES:
            raise TooManyDefinitions("entity types", TYPES)
        entry = TypeRow(type=type, last_revision=0)
        session.add(entry)
    held = session.exec(select(func.count()).select_from(RevisionRow).where(RevisionRow.type == type)).one()
    if held >= REVISIONS:
        raise TooManyDefinitions(f"revisions of {type}", REVISIONS)
    entry.last_revision += 1
    row = RevisionRow(
        type=type,
        revision=entry.last_revision,
        status="draft",
        digest=digest,
        document=text.decode(),
        problems=msgspec.json.encode(problems).decode(),
        registered_at=_now(),
    )
    session.add(row)
    return row


def _make_active(session: Session, row: RevisionRow) -> None:
    if row.status == "active":
        return
    earlier = session.exec(select(RevisionRow).where(RevisionRow.type == row.type, RevisionRow.status == "active"))
    for active in earlier.all():
        _retire(session, active)
    session.flush()  # the index allows one active revision at any moment, so the earlier one goes first
    row.status = "active"
    row.activated_at = _now()
    row.retired_at = None


def _retire(session: Session, row: RevisionRow) -> None:
    if row.status == "draft":
        raise WrongStatus(row.type, row.revision, row.status, "active")
    if row.status == "active":
        row.status = "retired"
        row.retired_at = _now()


def _revision_of(row: RevisionRow) -> Revision:
    return Revision(
        type=row.type,
        revision=row.revision,
        status=cast(Status, row.status),
        digest=row.digest,
        problems=msgspec.json.decode(row.problems, type=list[Problem]),
        registered_at=row.registered_at,
        activated_at=row.activated_at,
        retired_at=row.retired_at,
    )
