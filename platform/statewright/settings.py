"""The settings of an installation, each an option of `statewright serve` and a variable `STATEWRIGHT_…`."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

from msgspec import Struct

SCHEMA = "statewright"
"""The schema of the log where it shares a PostgreSQL database; `?schema=` at the end of the URL names another."""
_POSTGRESQL = ("postgresql", "postgres")


class BadSetting(ValueError):
    """A setting cannot be used; the sentence says why and what to do."""


class Settings(Struct, frozen=True, kw_only=True):
    """All that can be set. `data` is the folder that holds an embedded installation whole.

    `store` is the URL of the log, empty for the one in the folder; `database` that of the catalogue and the views,
    empty for the log's own database where that is PostgreSQL, else for the folder. `master_key`, or the lines of
    `master_key_file`, wrap the keys of personal data, which lie in `keys`: a file, or a database's URL.
    """

    data: Path
    store: str = ""
    database: str = ""
    host: str = "127.0.0.1"
    port: int = 8000
    allow_unprotected_personal_data: bool = False
    queue_limit: int = 20_000
    single_process: bool = False
    allow_host: tuple[str, ...] = ()
    master_key: str = ""
    master_key_file: Path | None = None
    keys: str = ""
    seals: str = ""
    seal_key: str = ""

    @property
    def log(self) -> Path:
        """The log's database, where it lies in the folder."""
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
    def whereabouts(self) -> str:
        """Where the log is, for people: the folder, or the URL without what could be a password."""
        if not self.store:
            return str(self.data)
        parts = urlsplit(self.store)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    @property
    def keys_url(self) -> str:
        """The database of the keys of personal data, as SQLAlchemy writes it: a folder of its own, or a schema."""
        if self.keys:
            return self.keys if "://" in self.keys else f"sqlite:///{Path(self.keys).absolute()}"
        url = self._database("keys")
        return f"sqlite:///{self.data.absolute() / 'keys' / 'keys.sqlite'}" if url.startswith("sqlite") else url

    @property
    def catalog_url(self) -> str:
        """The catalogue's database, as SQLAlchemy writes it."""
        return self._database("catalog")

    @property
    def views_url(self) -> str:
        """The database of the views, as SQLAlchemy writes it."""
        return self._database("views")

    def _database(self, room: str) -> str:
        shared = self.database or (self.store if urlsplit(self.store).scheme in _POSTGRESQL else "")
        return in_schema(shared, room) if shared else f"sqlite:///{self.data.absolute() / room}.sqlite"


def in_schema(url: str, room: str) -> str:
    """A PostgreSQL URL as SQLAlchemy writes it, for the tables of one room: in the schema `<schema of the log>_<room>`.

    `postgresql://one,other/db?target_session_attrs=read-write` may name several hosts, as libpq lets it.
    """
    parts = urlsplit(url)
    if parts.scheme not in _POSTGRESQL:
        raise BadSetting(
            f"a database of ours can be PostgreSQL alone: write postgresql://HOST/DATABASE, not {parts.scheme}"
        )
    query = dict(parse_qsl(parts.query))
    path = f"-csearch_path={query.pop('schema', SCHEMA)}_{room}"
    query["options"] = f"{query.get('options', '')} {path}".strip()
    user, at, hosts = parts.netloc.rpartition("@")
    asked = [*query.items()]
    if "," in hosts:
        asked += [("host", host) for host in hosts.split(",")]
        hosts = ""
    return f"postgresql+psycopg://{user}{at}{hosts}{parts.path}?{urlencode(asked)}"


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
