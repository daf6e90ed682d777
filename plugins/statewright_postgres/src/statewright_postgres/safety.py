"""Which servers a log is not kept on, and what the driver's errors mean to who wants to open it."""

from __future__ import annotations

from typing import Any

import asyncpg

from statewright.stores.words import StoreRefused, StoreUnavailable
from statewright_postgres.address import Address
from statewright_postgres.statements import SAFETY

OLDEST = 14
"""Earlier servers cannot wait for a session to end, which is how a doubt is settled, and are no longer kept up."""

_UNSAFE = {
    "fsync": ("off",),
    "full_page_writes": ("off",),
    # `local` and `remote_write` acknowledge what a standby has not made durable; without standbys they are as `on`, but
    # who adds one would not know.
    "synchronous_commit": ("off", "local", "remote_write"),
}
_WHY = {
    "fsync": "a power cut could take transitions that were acknowledged, or the whole log",
    "full_page_writes": "a power cut could leave torn pages",
    "synchronous_commit": "transitions would be acknowledged before they are durable",
}


async def require_safe(connection: Any, address: Address) -> Any:
    """Raises StoreRefused for a server that may lose what it acknowledged; gives when this session began."""
    found = await connection.fetchrow(SAFETY)
    version = found["version"] // 10_000
    if version < OLDEST:
        raise StoreRefused(f"PostgreSQL {version} keeps no log of ours; {OLDEST} or later is needed")
    if found["encoding"] != "UTF8":
        raise StoreRefused(f"{address.shown} is encoded in {found['encoding']}; make it with ENCODING 'UTF8'")
    for setting, unsafe in _UNSAFE.items():
        if found[setting] in unsafe:
            raise StoreRefused(
                f"{address.shown} has {setting} = {found[setting]}, so {_WHY[setting]}; set {setting} = on"
            )
    if found["standby"]:
        raise StoreUnavailable(f"{address.shown} is a standby and cannot be appended to; name the primary")
    if found["synchronous_commit"] == "on":
        await connection.execute("set synchronous_commit = on")  # and it stays so, whatever the server is told later
    return found["started"]


def told_by(error: Exception, address: Address) -> StoreRefused | StoreUnavailable:
    """What keeps a connection from being made, with what to do."""
    where = address.shown
    match error:
        case StoreRefused() | StoreUnavailable():
            return error
        case asyncpg.InvalidCatalogNameError():
            return StoreRefused(f"there is no such database: {error}; make it with `createdb`, or mend the URL")
        case asyncpg.InvalidPasswordError() | asyncpg.InvalidAuthorizationSpecificationError():
            return StoreRefused(f"{where} lets nobody in with these credentials: {error}")
        case asyncpg.InsufficientPrivilegeError():
            return StoreRefused(f"{where}: {error}; grant the role CREATE on the database")
        case asyncpg.TargetServerAttributeNotMatched():
            return StoreUnavailable(f"{where} is a standby and cannot be appended to; name the primary, or all hosts")
        case asyncpg.ClientConfigurationError() | asyncpg.UndefinedObjectError() | asyncpg.InvalidParameterValueError():
            return StoreRefused(f"{where} cannot be opened: {error}; mend the URL")
        case ValueError():
            return StoreRefused(f"{where} is no URL of a database: {error}; write postgresql://USER@HOST:5432/DATABASE")
    return StoreUnavailable(f"{where} cannot be reached: {str(error) or type(error).__name__}")
