"""The contract bites: a broken store fails exactly the promises it breaks, and none is left that nothing can break."""

from __future__ import annotations

import importlib

import pytest

from statewright.testkit.store import broken_promises, promises_for, sharing, waiting
from tests.testkit.broken.twin import Twin, stores_of

for _room in ("keeping", "moving", "opening", "reading", "repeating", "waiting", "writing"):
    importlib.import_module(f"tests.testkit.broken.{_room}")


def broken_kinds(kind: type[Twin] = Twin) -> list[type[Twin]]:
    """All kinds of twins that break something, in the order of their names."""
    below = [one for subclass in kind.__subclasses__() for one in (subclass, *broken_kinds(subclass))]
    return sorted((one for one in below if one.__name__ != "Rewrites"), key=lambda one: one.__name__)


@pytest.fixture(autouse=True)
def little_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """In memory nothing takes long, and many of these stores are late on purpose."""
    monkeypatch.setattr(waiting, "AT_ONCE_S", 0.5)
    monkeypatch.setattr(sharing, "AT_THE_LATEST_S", 0.1)


async def test_the_twin_that_is_not_broken_keeps_every_promise():
    assert await broken_promises(stores_of(Twin)) == {}


@pytest.mark.parametrize("kind", broken_kinds(), ids=lambda kind: kind.__name__)
async def test_a_broken_store_fails_exactly_the_promises_it_breaks(kind: type[Twin]):
    assert set(await broken_promises(stores_of(kind))) == kind.breaks


def test_every_promise_is_broken_by_some_store():
    broken = {name for kind in broken_kinds() for name in kind.breaks}

    assert {promise.name for promise in promises_for(stores_of(Twin))} == broken
