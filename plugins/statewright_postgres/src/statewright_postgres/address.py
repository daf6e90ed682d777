"""Where a log is: the URL of the database and the schema in it."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from statewright.settings import SCHEMA
from statewright.stores.words import StoreRefused

_SCHEMA = re.compile(r"[a-z_][a-z0-9_]{0,39}", re.ASCII)
_OF_LIBPQ = ("connect_timeout", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count")
"""What libpq takes and the server would not: views and catalogue are opened with the same URL."""


class Address(NamedTuple):
    """The URL as the driver takes it, the schema, and the database as it is told to people."""

    url: str
    schema: str
    shown: str

    @classmethod
    def of(cls, url: str) -> Address:
        """Take a setting apart. Raises StoreRefused for a schema that cannot be one."""
        parts = urlsplit(url)
        asked = dict(parse_qsl(parts.query))
        schema = asked.pop("schema", SCHEMA)
        if not _SCHEMA.fullmatch(schema):
            raise StoreRefused(
                f"{schema[:60]!r} is no schema of a log; use up to 40 small letters, digits and _, and no digit first"
            )
        asked.setdefault("target_session_attrs", "primary")  # of several hosts only one can be appended to
        asked = {name: value for name, value in asked.items() if name not in _OF_LIBPQ}
        shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        return cls(urlunsplit(parts._replace(query=urlencode(asked))), schema, shown)
