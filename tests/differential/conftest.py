"""XState for all tests of this room."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.differential.node import XState, installed, lacking


@pytest.fixture(scope="session")
def xstate() -> Iterator[XState]:
    """XState at the release named in `xstate/package.json`. Tests are skipped where node or npm is absent."""
    if reason := lacking():
        pytest.skip(reason)
    runner = XState(installed())
    yield runner
    runner.stop()
