"""Logs in PostgreSQL for the tests of its plugin."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Callable

import pytest

from tests.postgresql import Server

_numbers = itertools.count(1)


@pytest.fixture
def new_log(postgresql: Server) -> Callable[[], str]:
    """Gives URLs of logs that are not there yet."""
    return lambda: postgresql.url(query=f"?schema=log_{os.getpid()}_{next(_numbers)}")


@pytest.fixture
async def store(new_log: Callable[[], str]) -> AsyncIterator[object]:
    """A new log in PostgreSQL, open."""
    from pathlib import Path

    from statewright_postgres import open_store

    opened = await open_store(new_log(), data=Path())
    yield opened
    await opened.close()
