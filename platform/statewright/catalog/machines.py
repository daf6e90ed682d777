"""The one cache of machines: each revision compiled once, and which of them is active."""

from __future__ import annotations

from threading import Lock

from sqlalchemy import Engine
from sqlmodel import Session, select

from statewright.catalog.database import Watch
from statewright.catalog.errors import InvalidDefinition, UnknownRevision
from statewright.catalog.tables import RevisionRow
from statewright.machine.branches import BadDefinition
from statewright.machine.compile import Machine, compile_machine
from statewright.machine.problem import Problem
from statewright.machine.reading import placed, read_definition


class Machines:
    """Machines by type and revision. Made for the hot path: once a machine is known, asking is a look-up."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._watch = Watch(engine)
        self._refreshing = Lock()
        self._known: dict[tuple[str, int], Machine] = {}
        self._active: dict[str, Machine] = {}
        self.relating: set[str] = set()
        """The types of which a known machine reads relations."""
        self.refresh()

    def refresh(self) -> None:
        """See what other processes (and other connections of this one) activated or retired; cheap when nothing was."""
        with self._refreshing:  # or a slow look would overwrite what a later one has seen
            if not self._watch.changed():
                return
            with Session(self._engine) as session:
                active = select(RevisionRow.type, RevisionRow.revision).where(RevisionRow.status == "active")
                rows = session.exec(active).all()
            self._active = {type: self.of(type, revision) for type, revision in rows}

    def active(self, type: str) -> Machine | None:
        """The machine that new entities of `type` begin under, as of the last refresh; None when there is none."""
        return self._active.get(type)

    def of(self, type: str, revision: int) -> Machine:
        """The machine of a revision, whatever its status.

        Raises UnknownRevision for one that was never registered, InvalidDefinition for a draft with errors.
        """
        known = self._known.get((type, revision))
        if known is None:
            # Two threads may both come here; they compile the same, and either result will do.
            known = self._known[type, revision] = self._compiled(type, revision)
            if known.relations:
                self.relating.add(type)
        return known

    def _compiled(self, type: str, revision: int) -> Machine:
        with Session(self._engine) as session:
            row = session.get(RevisionRow, (type, revision))
        if row is None:
            raise UnknownRevision(type, revision)
        reading = read_definition(row.document.encode())
        if reading.definition is None or (row.status == "draft" and not reading.activable):
            raise InvalidDefinition(reading.problems)
        try:
            return compile_machine(reading.definition, revision=revision, digest=row.digest)
        except BadDefinition as bad:
            # The checks at registration find more and say it better; what they miss must not become a failure here.
            problem = Problem(code="not_compilable", severity="error", pointer=bad.pointer, sentence=bad.sentence)
            raise InvalidDefinition([*reading.problems, *placed([problem], row.document.encode())]) from bad

    def close(self) -> None:
        """Let go of the connection that watches the database."""
        self._watch.close()
