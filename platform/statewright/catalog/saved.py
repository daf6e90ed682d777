"""Lists that people saved: a name for a query, an order and columns."""

from __future__ import annotations

import time
import unicodedata

from msgspec import Struct
from sqlalchemy import Engine
from sqlmodel import Session, col, func, select

from statewright.catalog.database import writing
from statewright.catalog.errors import CatalogError
from statewright.catalog.tables import SavedViewRow
from statewright.machine.moments import Micros

MOST = 500
"""How many saved views a catalogue holds."""
NAME_CHARACTERS = 100


class SavedView(Struct, frozen=True, kw_only=True):
    """One saved list; the query, order and columns are text to this room."""

    id: int
    name: str
    query: str
    order: str
    columns: str
    changed_at: Micros


class UnknownView(CatalogError):
    """There is no saved view of this number, or none any more."""

    def __init__(self, id: int) -> None:
        super().__init__(f"there is no saved view {id}; somebody may have deleted it")
        self.id = id


class NameTaken(CatalogError):
    """Another saved view has this name; capitals make no difference."""

    def __init__(self, view: SavedView) -> None:
        super().__init__(f"a saved view is called {view.name!r} already; choose another name, or change that one")
        self.view = view


class BadName(CatalogError):
    """A saved view cannot be called this."""


class TooManyViews(CatalogError):
    """The catalogue holds as many saved views as it may."""

    def __init__(self) -> None:
        super().__init__(f"there are {MOST} saved views already; delete some first")


class SavedViews:
    """All saved lists, by name. Whatever changes them is durable before it returns."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def all(self) -> list[SavedView]:
        """All of them, by name; empty when none was saved."""
        with Session(self._engine) as session:
            return [_view_of(row) for row in session.exec(select(SavedViewRow).order_by(SavedViewRow.key)).all()]

    def one(self, id: int) -> SavedView:
        """One by its number. Raises UnknownView."""
        with Session(self._engine) as session:
            return _view_of(_row(session, id))

    def save(self, name: str, query: str, order: str, columns: str) -> SavedView:
        """Save a list under a new name. Raises NameTaken, BadName, TooManyViews."""
        name = _named(name)
        with writing(self._engine) as session:
            _must_be_free(session, name, None)
            if session.exec(select(func.count()).select_from(SavedViewRow)).one() >= MOST:
                raise TooManyViews
            row = SavedViewRow(
                key=name.casefold(), name=name, query=query, order=order, columns=columns, changed_at=_now()
            )
            session.add(row)
            session.flush()
            return _view_of(row)

    def change(
        self,
        id: int,
        *,
        name: str | None = None,
        query: str | None = None,
        order: str | None = None,
        columns: str | None = None,
    ) -> SavedView:
        """Give one another name or content; what is None stays. Raises UnknownView, NameTaken, BadName."""
        with writing(self._engine) as session:
            row = _row(session, id)
            if name is not None:
                name = _named(name)
                _must_be_free(session, name, id)
                row.name, row.key = name, name.casefold()
            row.query = row.query if query is None else query
            row.order = row.order if order is None else order
            row.columns = row.columns if columns is None else columns
            row.changed_at = _now()
            return _view_of(row)

    def delete(self, id: int) -> None:
        """Forget one. Raises UnknownView."""
        with writing(self._engine) as session:
            session.delete(_row(session, id))


def _row(session: Session, id: int) -> SavedViewRow:
    row = session.get(SavedViewRow, id)
    if row is None:
        raise UnknownView(id)
    return row


def _named(name: str) -> str:
    name = " ".join(name.split())
    if not name:
        raise BadName("a saved view needs a name")
    if len(name) > NAME_CHARACTERS:
        raise BadName(f"a name has at most {NAME_CHARACTERS} characters")
    control = next((character for character in name if unicodedata.category(character) in ("Cc", "Cs")), None)
    if control is not None:
        raise BadName(f"this name holds U+{ord(control):04X}, which is no text")
    return name


def _must_be_free(session: Session, name: str, id: int | None) -> None:
    other = session.exec(select(SavedViewRow).where(col(SavedViewRow.key) == name.casefold())).first()
    if other is not None and other.id != id:
        raise NameTaken(_view_of(other))


def _view_of(row: SavedViewRow) -> SavedView:
    assert row.id is not None
    return SavedView(
        id=row.id,
        name=row.name,
        query=row.query,
        order=row.order,
        columns=row.columns,
        changed_at=row.changed_at,
    )


def _now() -> Micros:
    return time.time_ns() // 1_000
