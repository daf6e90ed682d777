"""The definitions as the catalogue has them, for the consolidators that ask them."""

from __future__ import annotations

from collections.abc import Mapping

from statewright.catalog.database import opened
from statewright.catalog.errors import CatalogError
from statewright.catalog.machines import Machines
from statewright.machine.definition import Relation
from statewright.reading import Reader


class Registered:
    """Read-only: another process may have the catalogue open and write to it."""

    def __init__(self, url: str) -> None:
        """`url` is the catalogue's database, as SQLAlchemy writes it."""
        self._engine = opened(url)
        self._machines = Machines(self._engine, Reader())

    def relations(self, type: str, revision: int) -> Mapping[str, Relation]:
        """The relations of a revision, by name. Raises LookupError for one that was never registered."""
        try:
            return self._machines.of(type, revision).definition.relations
        except CatalogError as error:
            raise LookupError(f"{error}; mend the catalogue, then try the entity again") from error

    def close(self) -> None:
        """Let go of the database."""
        self._machines.close()
        self._engine.dispose()
