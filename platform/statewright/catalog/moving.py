"""Definitions on their way from one catalogue to another: each revision as it was registered, number, times and all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Struct
from sqlalchemy import Engine
from sqlmodel import Session, col, select

from statewright.catalog.database import writing
from statewright.catalog.errors import CatalogError
from statewright.catalog.tables import RevisionRow, TypeRow
from statewright.machine.moments import Micros


class Kept(Struct, frozen=True, kw_only=True):
    """One revision whole; `document` is the text as it was registered, `problems` JSON. Times are microseconds."""

    type: str
    revision: int
    status: str
    digest: str
    registered_at: Micros
    activated_at: Micros | None
    retired_at: Micros | None
    problems: str
    document: str


class KeptType(Struct, frozen=True):
    """An entity type: the last number given to a revision of it, and the revisions there are, oldest first."""

    type: str
    last_revision: int
    revisions: Sequence[Kept]


class OtherDefinition(CatalogError):
    """The catalogue has another definition where one is to be taken over."""

    def __init__(self, type: str, revision: int, what: str) -> None:
        super().__init__(f"revision {revision} of {type} cannot be taken over: {what}")


class Moving:
    """Takes all revisions out of a catalogue, and puts them into one."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def types(self) -> Iterator[KeptType]:
        """Every type with all its revisions, by name."""
        with Session(self._engine) as session:
            for entry in session.exec(select(TypeRow).order_by(col(TypeRow.type))).all():
                of_type = select(RevisionRow).where(RevisionRow.type == entry.type).order_by(col(RevisionRow.revision))
                kept = [_kept(row) for row in session.exec(of_type).all()]
                yield KeptType(entry.type, entry.last_revision, kept)

    def holds(self, kept: KeptType) -> bool:
        """Whether a type is here with all its revisions, under the same numbers."""
        with Session(self._engine) as session:
            entry = session.get(TypeRow, kept.type)
            found = select(RevisionRow.revision, RevisionRow.digest).where(RevisionRow.type == kept.type)
            there = dict(session.exec(found).all())
        numbered = entry is not None and entry.last_revision >= kept.last_revision
        return numbered and all(there.get(one.revision) == one.digest for one in kept.revisions)

    def adopt(self, kept: KeptType) -> None:
        """Take over a type with all its revisions; those that are there already, and are the same, stay as they are.

        Raises OtherDefinition, and then nothing was taken over.
        """
        with writing(self._engine) as session:
            entry = session.get(TypeRow, kept.type)
            if entry is None:
                entry = TypeRow(type=kept.type, last_revision=0)
                session.add(entry)
            entry.last_revision = max(entry.last_revision, kept.last_revision)
            session.flush()
            for one in kept.revisions:
                self._adopt(session, one)

    def _adopt(self, session: Session, kept: Kept) -> None:
        stands = session.get(RevisionRow, (kept.type, kept.revision))
        if stands is not None:
            if stands.digest != kept.digest:
                raise OtherDefinition(kept.type, kept.revision, "another document is registered under this number here")
            return
        same = select(RevisionRow).where(RevisionRow.type == kept.type, RevisionRow.digest == kept.digest)
        found = session.exec(same).first()
        if found is not None:
            raise OtherDefinition(kept.type, kept.revision, f"its document is revision {found.revision} here")
        active = select(RevisionRow).where(RevisionRow.type == kept.type, RevisionRow.status == "active")
        if kept.status == "active" and session.exec(active).first() is not None:
            raise OtherDefinition(kept.type, kept.revision, "another revision is active here")
        session.add(RevisionRow(**{field: getattr(kept, field) for field in Kept.__struct_fields__}))
        session.flush()


def _kept(row: RevisionRow) -> Kept:
    return Kept(**{field: getattr(row, field) for field in Kept.__struct_fields__})
