"""The settings of one installation, typed: what the command line takes and what `app` puts together."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct


class Settings(Struct, frozen=True, kw_only=True):
    """One installation: where its data lies and where it listens.

    All of an embedded installation lies in the folder `data`. `port` 0 lets the system choose one.
    `single_process` keeps views in the API's own process; it is meant for tests.
    """

    data: Path
    host: str = "127.0.0.1"
    port: int = 8000
    single_process: bool = False
    allow_unprotected_personal_data: bool = False

    @property
    def log_path(self) -> Path:
        """The file that keeps the log of transitions."""
        return self.data / "log.sqlite"

    @property
    def catalog_url(self) -> str:
        """The database of definitions and refusals, as SQLAlchemy writes it."""
        return f"sqlite:///{(self.data / 'catalog.sqlite').absolute()}"

    @property
    def views_url(self) -> str:
        """The database of the read models, as SQLAlchemy writes it."""
        return f"sqlite:///{(self.data / 'views.sqlite').absolute()}"
