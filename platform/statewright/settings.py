"""The settings of an installation, each an option of `statewright serve` and a variable `STATEWRIGHT_…`."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from msgspec import Struct


class BadSetting(ValueError):
    """A setting cannot be used; the sentence says why and what to do."""


class Settings(Struct, frozen=True, kw_only=True):
    """All that can be set. `data` is the folder that holds an embedded installation whole."""

    data: Path
    host: str = "127.0.0.1"
    port: int = 8000
    allow_unprotected_personal_data: bool = False
    queue_limit: int = 20_000
    single_process: bool = False
    allow_host: tuple[str, ...] = ()
    seals: str = ""
    seal_key: str = ""

    @property
    def log(self) -> Path:
        """The log's database."""
        return self.data / "log.sqlite"

    @property
    def seals_folder(self) -> Path:
        """Where the seals lie: best on another disk than the log, or another machine's."""
        return Path(self.seals) if self.seals else self.data / "seals"

    @property
    def seal_key_file(self) -> Path:
        """The key that seals are signed with, where none is given; a backup does not hold it."""
        return self.data / "keys" / "seal.pem"

    @property
    def catalog_url(self) -> str:
        """The catalogue's database, as SQLAlchemy writes it."""
        return f"sqlite:///{self.data.absolute() / 'catalog.sqlite'}"

    @property
    def views_url(self) -> str:
        """The database of the views, as SQLAlchemy writes it."""
        return f"sqlite:///{self.data.absolute() / 'views.sqlite'}"


def require_loopback(host: str) -> None:
    """Raises BadSetting for an address that others could reach: there are no keys yet, so anyone is let in."""
    try:
        loopback = host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        raise BadSetting(f"{host!r} is not an address; use 127.0.0.1, ::1 or localhost") from None
    if not loopback:
        raise BadSetting(
            f"{host} can be reached from other machines, and this release has no keys to tell callers apart: "
            "bind to 127.0.0.1, and put a proxy that authenticates in front"
        )
