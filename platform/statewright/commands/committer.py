"""The committer: takes what is waiting, decides it on fresh heads, and records it in one durable commit.

One runs per process and does one group at a time. While a group's commit runs the next one gathers, and is decided
only when the outcome is known; so nobody waits on purpose, and many callers share one fsync.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import secrets
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import cast

from statewright.catalog import Catalog, CatalogError
from statewright.commands.deciding import Deciding, Item, Job, machine_of, put
from statewright.commands.relating import likely_refs
from statewright.commands.words import Answer, Done, Failed, Failure, NotDone, SendEvent, SendTogether, Together
from statewright.machine.decide import Refused, Why
from statewright.machine.moments import Micros
from statewright.machine.record import COMMANDS_KEPT, Head, Record
from statewright.stores.words import (
    Conflict,
    EventStore,
    Recorded,
    Ref,
    Spreads,
    Step,
    StoreFailed,
    StoreUnavailable,
    StoreUncertain,
)

HEADS_BYTES = 256_000_000
"""How much data, as JSON, the heads kept in memory may hold together."""
STALE_AT_MOST = 0.05
"""The share of events decided on a head that another process had moved, above which heads are read for each group: a
read costs less than to decide, to lose and to decide again."""
_UNKNOWN = "it is not known whether this was recorded; send it again with the id in `command`"
_log = logging.getLogger("statewright.committer")


class Committer:
    """Decides and records. `submit` from one event loop; `close` finishes what was accepted.

    `recorded` is called after every group that changed the log; `failed` when the log's medium cannot be trusted any
    more, after which the process should end.
    """

    def __init__(
        self,
        store: EventStore,
        catalog: Catalog,
        *,
        queue_limit: int = 20_000,
        group_limit: int = 1_000,
        heads_kept: int = 100_000,
        clock: Callable[[], Micros] = lambda: time.time_ns() // 1_000,
        recorded: Callable[[], None] = lambda: None,
        failed: Callable[[], None] = lambda: None,
    ) -> None:
        self.store = store
        self.catalog = catalog
        self.queue_limit = queue_limit
        self.waiting = 0
        self._group_limit = group_limit
        self._heads_kept = heads_kept
        self._clock = clock
        self._recorded = recorded
        self._failed = failed
        self._queue: deque[Job] = deque()
        self._heads: dict[Ref, Head | None] = {}
        self._grown = 0
        self._stale = 0.0
        self._told: set[tuple[str, int]] = set()
        self._unread: set[Ref] = set()
        self._last_stamp: Micros = 0
        made_here = f"c-{secrets.token_hex(6)}-"
        self._names = (f"{made_here}{number:x}" for number in itertools.count(1))
        self._wanted: asyncio.Future[None] | None = None
        self._room = asyncio.Event()
        self._closing = False
        self._task: asyncio.Task[None] | None = None

    # --- asking

    async def send(self, send: SendEvent) -> Answer:
        """Decide one event and record it. Answers `overloaded` at once when the queue is full."""
        return (await self.submit([send]))[0]

    def submit(self, sends: Sequence[SendEvent]) -> asyncio.Future[list[Answer]]:
        """Decide events in their order; one answer each, all at once, when the last is durable.

        An empty queue takes any number, however small its limit.
        """
        future: asyncio.Future[list[Answer]] = asyncio.get_running_loop().create_future()
        if self._is_full_for(len(sends)):
            future.set_result([self._turned_away(send.command) for send in sends])
        else:
            self._enqueue(Job(sends, [None] * len(sends), future))
        return future

    async def send_together(self, command: SendTogether) -> Together | Failed:
        """Decide several events as one command: all or nothing."""
        if self._is_full_for(len(command.sends)):
            return self._turned_away(command.command)
        job = Job(command.sends, [], asyncio.get_running_loop().create_future(), command)
        self._enqueue(job)
        await job.future
        return job.outcome or Failed("outcome_unknown", _UNKNOWN, command.command)

    def partition_of(self, ref: Ref) -> int:
        """Where an entity is: those of one command must be together. 0 unless the log is spread."""
        return self.store.partition_of(ref) if isinstance(self.store, Spreads) else 0

    async def room_for(self, count: int) -> None:
        """Return when `count` more events fit into the queue: for callers that can wait."""
        while self._is_full_for(count) and not self._closing:
            self._room.clear()
            await self._room.wait()

    def _is_full_for(self, count: int) -> bool:
        return self._closing or (self.waiting > 0 and self.waiting + count > self.queue_limit)

    def _turned_away(self, command: str | None) -> Failed:
        if self._closing:
            return Failed("overloaded", "the server is stopping; send it again in a moment", command)
        return Failed("overloaded", f"{self.waiting:,} events are waiting; send it again in a moment", command)

    def _enqueue(self, job: Job) -> None:
        self.waiting += len(job.sends)
        self._queue.append(job)
        if self._task is None:
            self._task = asyncio.create_task(self._work(), name="committer")
        if self._wanted is not None and not self._wanted.done():
            self._wanted.set_result(None)

    async def close(self) -> None:
        """Take nothing more, finish what was accepted, and return."""
        self._closing = True
        self._room.set()
        if self._task is not None:
            if self._wanted is not None and not self._wanted.done():
                self._wanted.set_result(None)
            await self._task

    # --- one group after the other

    async def _work(self) -> None:
        while True:
            if not self._queue:
                if self._closing:
                    return
                self._wanted = asyncio.get_running_loop().create_future()
                await self._wanted
                self._wanted = None
                continue
            jobs = self._next_group()
            await self._settle(jobs)
            self.waiting -= sum(len(job.sends) for job in jobs)
            self._room.set()
            # A turn of the loop: callers take their answers, and what came meanwhile becomes the next group.
            await asyncio.sleep(0)

    def _next_group(self) -> list[Job]:
        jobs = [self._queue.popleft()]
        size = len(jobs[0].sends)
        while self._queue and size + len(self._queue[0].sends) <= self._group_limit:
            jobs.append(self._queue.popleft())
            size += len(jobs[-1].sends)
        return jobs

    async def _settle(self, jobs: list[Job]) -> None:
        """Answer every job, whatever happens."""
        try:
            items: list[Item] = []
            for job in jobs:
                items.extend([(job, -1)] if job.together else [(job, index) for index in range(len(job.sends))])
            while items:
                items = await self._round(items)
        except StoreUnavailable as error:
            self._fail(jobs, "store_unavailable", str(error))
        except StoreFailed as error:
            _log.critical("the log can no longer be trusted, so this process ends: %s", error)
            self._fail(jobs, "outcome_unknown", _UNKNOWN)
            self._failed()
        except Exception as error:
            self._heads.clear()
            for job in jobs:
                if not job.future.done():
                    job.future.set_exception(error)
        for job in jobs:
            if not job.future.done():
                job.future.set_result(cast(list[Answer], job.answers))  # every one was given by now

    def _fail(self, jobs: Sequence[Job], code: Failure, detail: str) -> None:
        """Answer what has no answer yet. What was decided on heads that may not hold is not let out."""
        self._heads.clear()
        for job in jobs:
            if job.together is not None:
                job.outcome = job.outcome or Failed(code, detail, job.together.command)
            for index, answer in enumerate(job.answers):
                if answer is None:
                    job.answers[index] = Failed(code, detail, job.sends[index].command)

    async def _round(self, items: list[Item]) -> list[Item]:
        """Decide and record; gives back what must be decided again, because another writer was first."""
        self.catalog.refresh()
        heads = await self._fresh_heads(items)
        known = await self._late_repeats(items, heads)
        deciding = Deciding(
            self.catalog,
            heads,
            known,
            max(self._clock(), self._last_stamp),
            names=self._names,
            told=self._told,
        )
        for item in items:
            deciding.item(item)
        again = deciding.again
        self._unread = deciding.unread
        if deciding.appends:
            again += await self._append(deciding)
        again += await self._look_twice(deciding)
        for repeat in deciding.repeats:
            await self._answer_repeat(*repeat)
        for (job, index), answer in deciding.settled:
            deciding.note(job, answer)
            put(job, index, answer)
        return _in_order(again, items)

    async def _append(self, deciding: Deciding) -> list[Item]:
        again: list[Item] = []
        try:
            outcomes = await self.store.append(deciding.appends)
        except StoreUncertain:
            return await self._ask_what_became(deciding)
        stale = sum(type(outcome) is Conflict for outcome in outcomes) / len(outcomes)
        self._stale += (stale - self._stale) / 16
        for item, append, answer, outcome in zip(
            deciding.owners, deciding.appends, deciding.answers, outcomes, strict=True
        ):
            if type(outcome) is not Recorded:
                # Another writer was first: with something else, or (after a doubt) with this very command. On fresh
                # heads the one is decided again and the other is found to be a repeat.
                for ref in deciding.lose(append):
                    self._heads.pop(ref, None)
                again.append(item)
                continue
            job, index = item
            if index >= 0:
                self._take_over(job.sends[index].ref, append.steps[0], deciding.now)
            else:
                for step in append.steps:
                    self._take_over(Ref(step.record.type, step.record.entity), step, deciding.now)
            put(job, index, answer)
        self._trim()
        self._recorded()
        return again

    def _take_over(self, ref: Ref, step: Step, now: Micros) -> None:
        """Let the head that stands in the log now be the cached one."""
        record, after = step.record, step.after
        stamp = record.recorded_at
        if stamp == now:
            self._heads[ref] = after
            self._grown += after.size
        else:  # stamped otherwise than it was decided: its times must come from the log
            self._heads.pop(ref, None)
        if stamp > self._last_stamp:
            self._last_stamp = stamp
        if record.definition is not None:
            self._told.add((record.type, record.revision))

    async def _ask_what_became(self, deciding: Deciding) -> list[Item]:
        """After a commit whose outcome is unknown: what is in the log is answered, the rest is decided again."""
        self._heads.clear()
        again: list[Item] = []
        for item, append, answer in zip(deciding.owners, deciding.appends, deciding.answers, strict=True):
            first = append.steps[0].record
            try:
                made = await self.store.find_command(Ref(first.type, first.entity), append.command)
            except (StoreUnavailable, StoreUncertain):
                deciding.lose(append)
                self._answer_unknown(item, append.command)
                continue
            if made:
                put(*item, _with_records(answer, made))
            else:
                deciding.lose(append)
                again.append(item)
        self._recorded()
        return again

    def _answer_unknown(self, item: Item, command: str) -> None:
        put(*item, Failed("outcome_unknown", _UNKNOWN, command))

    async def _look_twice(self, deciding: Deciding) -> list[Item]:
        """Refusals and dry runs leave the process only on a head that no other process has moved meanwhile.

        Those decided on what was then not recorded are decided again: the version may agree, and the state not.
        """
        if not deciding.doubtful:
            return []
        again = [item for item, _, touched in deciding.doubtful if not deciding.lost.isdisjoint(touched)]
        doubtful = [one for one in deciding.doubtful if deciding.lost.isdisjoint(one[2])]
        if self.store.limits.sole_writer:
            deciding.settled.extend((item, answer) for item, answer, _ in doubtful)
            return again
        refs = list({ref for _, _, refs in doubtful for ref in refs})
        fresh = dict(zip(refs, await self.store.heads(refs), strict=True))
        self._heads.update(fresh)
        for item, answer, touched in doubtful:
            if all(_version(fresh[ref]) == _version(deciding.heads[ref]) for ref in touched):
                deciding.settled.append((item, answer))
            else:
                again.append(item)
        return again

    async def _answer_repeat(self, item: Item, ref: Ref, command: str, digest: str) -> None:
        job, index = item
        made = await self.store.find_command(ref, command)
        if made[0].digest and made[0].digest != digest:
            detail = f"the command {command!r} was used for something else, recorded as version {made[0].version}"
            send = job.sends[max(index, 0)]
            refused = Refused(Why.ID_REUSED, detail)
            put(job, index, NotDone(refused, send, None, self.catalog.machine_of(ref.type, made[0].revision)))
            return
        done = [Done(record, self.catalog.machine_of(record.type, record.revision), True) for record in made]
        put(job, index, done[0] if index >= 0 else Together(done))

    # --- heads

    async def _fresh_heads(self, items: Iterable[Item]) -> dict[Ref, Head | None]:
        """The heads of all that the group touches: from memory, else by one read; then of those related to them."""
        heads: dict[Ref, Head | None] = {}
        sends = [send for job, index in items for send in ((job.sends[index],) if index >= 0 else job.sends)]
        await self._read_heads([send.ref for send in sends], heads)
        related: list[Ref] = [*self._unread]
        self._unread = set()
        relating = self.catalog.relating()
        for send in [send for send in sends if send.ref.type in relating] if relating else ():
            head = heads[send.ref]
            try:
                machine = machine_of(self.catalog, send, head)
            except CatalogError:
                continue  # said when it is decided
            if machine is not None and machine.relations:
                created = send.create if isinstance(send.create, dict) else {}
                related += likely_refs(machine, {} if head is None else head.data, send.data, created)
        if related:
            await self._read_heads(related, heads)
        return heads

    async def _read_heads(self, refs: Iterable[Ref], heads: dict[Ref, Head | None]) -> None:
        """Add the heads of `refs` to `heads`: from memory, unless that is stale too often, else by one read."""
        missing: dict[Ref, None] = {}
        cached = self._heads
        known = cached if self._stale <= STALE_AT_MOST else {}
        for ref in refs:
            head = known.get(ref)
            if head is not None:
                heads[ref] = head
            elif ref not in heads:  # known not to be there, or not known: only those that exist are kept
                missing[ref] = None
        if missing:
            found = dict(zip(missing, await self.store.heads(list(missing)), strict=True))
            heads.update(found)
            cached.update((ref, head) for ref, head in found.items() if head is not None)

    async def _late_repeats(self, items: Iterable[Item], heads: dict[Ref, Head | None]) -> Collection[tuple[Ref, str]]:
        """The commands of this group that stand beyond what the heads remember of theirs."""
        asked = []
        for job, index in items:
            send = job.sends[index if index >= 0 else 0]
            head = heads[send.ref]
            if head is None or head.version <= COMMANDS_KEPT:
                continue
            command = send.command if job.together is None else job.together.command
            if command is not None and not head.remembers(command):
                asked.append((send.ref, command))
        return await self.store.late_commands(asked) if asked else ()

    def _trim(self) -> None:
        """Let go of the oldest heads, a tenth at once so that this is rare, when they are too many or too large."""
        if self._grown > HEADS_BYTES:
            self._grown = sum(head.size for head in self._heads.values() if head is not None)
        if len(self._heads) > self._heads_kept or self._grown > HEADS_BYTES:
            for ref in list(itertools.islice(self._heads, len(self._heads) // 10 + 1)):
                del self._heads[ref]
            self._grown = sum(head.size for head in self._heads.values() if head is not None)


def _with_records(answer: Done | Together, made: Sequence[Record]) -> Done | Together:
    """The answer as the log has it."""
    if isinstance(answer, Done):
        return Done(made[0], answer.machine)
    return Together([Done(record, done.machine) for record, done in zip(made, answer.done, strict=True)])


def _in_order(some: list[Item], items: Sequence[Item]) -> list[Item]:
    """Some of the items as they came: on one entity they are decided in that order, however often."""
    if len(some) < 2:
        return some
    wanted = {(id(job), index) for job, index in some}
    return [item for item in items if (id(item[0]), item[1]) in wanted]


def _version(head: Head | None) -> int:
    return 0 if head is None else head.version
