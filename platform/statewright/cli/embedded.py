"""An installation run inside this process, without a socket, for commands that need it only for a while."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from statewright.cli.servers import EmbeddedServer
from statewright.settings import Settings


@asynccontextmanager
async def embedded(settings: Settings) -> AsyncGenerator[EmbeddedServer, None]:
    """The installation in the folder of `settings`, open to be posted to; closed, and all of it durable, at the end.

    Raises FolderInUse when another process has it.
    """
    from statewright.app import opened  # the web framework takes its time; the other commands do without it

    async with opened(settings) as application:
        yield EmbeddedServer(application)
