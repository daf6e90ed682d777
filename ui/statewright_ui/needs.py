"""What the pages need from the rooms below; `app` puts it together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from litestar import Request
from litestar.datastructures import State
from msgspec import Struct

from statewright.catalog import Catalog
from statewright.commands import Asking, Committer, Timers
from statewright.stores.words import EventStore
from statewright.views import Views
from statewright_ui.pulse import Pulse

P = ParamSpec("P")
T = TypeVar("T")
AskedFor = Request[Any, Any, State]
"""A request for a page."""


class Needs(Struct, frozen=True):
    """The rooms below: one entity is asked of `asking` and comes from the log, lists and counts of `views`.

    `committer` takes the events that people send by form. `timers` are those of this process; None where nobody fires
    them. `backtest` and `bulk` say that a backtest, or a bulk event, was asked for or cancelled.
    """

    catalog: Catalog
    store: EventStore
    asking: Asking
    views: Views
    pulse: Pulse
    committer: Committer
    timers: Timers | None = None
    backtest: Callable[[], None] = lambda: None
    bulk: Callable[[], None] = lambda: None


async def ask(question: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """The answer of a synchronous question, asked in a worker thread so that nobody else waits for it."""
    return await asyncio.to_thread(question, *args, **kwargs)
