"""Carries out bulk events, a few entities at a time: gathers who is meant, tries the event on each, sends it.

Every piece of work begins from what the catalogue has and ends in it, so a stop at any moment loses nothing, and the
command's id at an entity follows from the bulk event: sent again after a crash, it is found in the log. Others come
first: a piece is small, the pause after it is as long as it took, and a queue that fills up is left alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import Counter
from collections.abc import Sequence

from statewright.catalog import BulkEvent, Catalog, CatalogError, TooManyEntities
from statewright.catalog.bulk import Row
from statewright.commands import Answer, Committer, Done, Failed, NotDone, SendEvent, digest_of
from statewright.stores.words import Ref
from statewright.views import NotBuiltYet, Views
from statewright.views.query import BadQuery, read_query

PIECE = 50
"""How many entities are tried, or sent to, at once."""
GATHERED_AT_ONCE = 1_000
_QUEUE_SHARE = 20
"""Nothing is added to a queue of which more than the twentieth part is taken."""
_ATTEMPTS = 6
"""How often what could not be decided is sent again before that is its result."""
_STUMBLES = 5
"""How often a bulk event may fail for a reason that nobody foresaw before it is given up."""
_AGAIN_S = 0.5
_log = logging.getLogger("statewright.bulk")


class BulkSender:
    """Carries out what the catalogue has, in the process that has the committer."""

    def __init__(self, catalog: Catalog, committer: Committer, views: Views) -> None:
        self._catalog = catalog
        self._events = catalog.bulk_events
        self._committer = committer
        self._views = views
        self._woken = asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopped = asyncio.Event()
        self._stumbles: Counter[int] = Counter()

    def wake(self) -> None:
        """Look for one that was asked for, or is to be sent; from any thread."""
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is closed, and so are we
                self._loop.call_soon_threadsafe(self._woken.set)

    def stop(self) -> None:
        """Have `run` return soon; what is under way goes on with the next start."""
        self._stopped.set()
        self._woken.set()

    async def run(self) -> None:
        """Run until `stop`."""
        self._loop = asyncio.get_running_loop()
        while not self._stopped.is_set():
            self._woken.clear()
            try:
                event = await asyncio.to_thread(self._events.next)
            except Exception as error:
                _log.exception("bulk events wait: %s", error)
                await self._pause(_AGAIN_S)
                continue
            if event is None:
                await self._woken.wait()
                continue
            began = time.monotonic()
            try:
                await self._go_on(event)
            except NotBuiltYet:
                await self._pause(_AGAIN_S)
            except (TooManyEntities, BadQuery) as error:
                await asyncio.to_thread(self._events.fail, event.id, str(error))
            except Exception as error:
                await self._stumble(event, error)
            await self._give_way(time.monotonic() - began)

    async def _stumble(self, event: BulkEvent, error: Exception) -> None:
        _log.exception("bulk event %s stumbled", event.id)
        self._stumbles[event.id] += 1
        await self._pause(_AGAIN_S)
        if self._stumbles[event.id] >= _STUMBLES:
            with contextlib.suppress(CatalogError):
                await asyncio.to_thread(self._events.fail, event.id, f"it failed {_STUMBLES} times: {error}")

    async def _give_way(self, took_s: float) -> None:
        await self._pause(took_s)
        while self._committer.waiting * _QUEUE_SHARE > self._committer.queue_limit and not self._stopped.is_set():
            await self._pause(0.01)

    async def _pause(self, seconds: float) -> None:
        """Wait, but not when it is time to stop."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopped.wait()

    async def _go_on(self, event: BulkEvent) -> None:
        match event.status:
            case "gathering":
                await asyncio.to_thread(self._gather, event)
            case "trying":
                await self._try(event)
            case "sending":
                await self._send(event)

    def _gather(self, event: BulkEvent) -> None:
        """Read on in its list: by id, so that nobody is missed who moves meanwhile, and with ages as of the asking."""
        page = self._views.entities(
            query=read_query(event.query or ""),
            order="id",
            after=event.gathered,
            limit=GATHERED_AT_ONCE,
            now=event.asked_at,
        )
        self._events.gather(event.id, [row.entity for row in page.items], page.next)

    async def _try(self, event: BulkEvent) -> None:
        rows = await asyncio.to_thread(self._events.untried, event.id, PIECE)
        if not rows:
            await asyncio.to_thread(self._events.tried, event.id)
            return
        answers = await self._answers([_send_of(event, row, dry_run=True) for row in rows])
        if answers is not None:
            tried = [_foreseen(row, answer) for row, answer in zip(rows, answers, strict=True)]
            await asyncio.to_thread(self._events.foresee, event.id, tried)

    async def _send(self, event: BulkEvent) -> None:
        rows = await asyncio.to_thread(self._events.unsent, event.id, PIECE)
        if not rows:
            await asyncio.to_thread(self._events.finish, event.id)
            return
        answers = await self._answers([_send_of(event, row) for row in rows])
        if answers is not None:
            sent = [_became(row, answer) for row, answer in zip(rows, answers, strict=True)]
            await asyncio.to_thread(self._events.become, event.id, sent)

    async def _answers(self, sends: Sequence[SendEvent]) -> list[Answer] | None:
        """What becomes of each; None when it is time to stop first. What could not be decided is sent again."""
        answers: list[Answer] = list(await self._committer.submit(sends))
        for attempt in range(_ATTEMPTS):
            undecided = [at for at, answer in enumerate(answers) if isinstance(answer, Failed)]
            if not undecided:
                break
            await self._pause(_AGAIN_S * 2**attempt)
            if self._stopped.is_set():
                return None
            again = await self._committer.submit([sends[at] for at in undecided])
            for at, answer in zip(undecided, again, strict=True):
                answers[at] = answer
        return answers


def _send_of(event: BulkEvent, row: Row, *, dry_run: bool = False) -> SendEvent:
    """The event for one entity: the same whenever it is made, so that a repeat is known as one."""
    send = SendEvent(
        Ref(event.type, row.entity),
        event.event,
        event.data,
        command=None if dry_run else event.command,
        expected=row.version if event.unmoved and not dry_run else None,
        create=False,
        actor=event.actor,
        correlation=f"bulk-event-{event.name}",
        dry_run=dry_run,
        size=event.size,
    )
    if send.command is not None:
        send.digest = digest_of(send)
    return send


def _foreseen(row: Row, answer: Answer) -> Row:
    """What the preview came to, with the version that it was decided on."""
    match answer:
        case Done():
            return Row(row.number, row.entity, "accepted", version=answer.record.version - 1)
        case NotDone():
            version = None if answer.head is None else answer.head.version
            refused = answer.refused
            return Row(row.number, row.entity, "refused", None, refused.why.value, _short(refused.detail), version)
    return Row(row.number, row.entity, "failed", None, answer.code, _short(answer.detail))


def _became(row: Row, answer: Answer) -> Row:
    """What became of it, with the version that stands now."""
    foreseen = row.foreseen
    match answer:
        case Done():
            return Row(row.number, row.entity, foreseen, "accepted", version=answer.record.version)
        case NotDone():
            version = row.version if answer.head is None else answer.head.version
            refused = answer.refused
            return Row(row.number, row.entity, foreseen, "refused", refused.why.value, _short(refused.detail), version)
    return Row(row.number, row.entity, foreseen, "failed", answer.code, _short(answer.detail), row.version)


def _short(text: str) -> str:
    return text if len(text) <= 500 else f"{text[:499]}…"
