"""Callers who send again under the same id until they know what became of it, as services do."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable

from statewright.commands import Committer
from statewright.commands.words import Done, Failed, SendEvent, digest_of
from statewright.machine.record import Record
from statewright.stores.words import Ref

PATIENCE_S = 60.0


def switch(lamp: str, name: str) -> SendEvent:
    send = SendEvent(Ref("lamp", lamp), "SWITCH", {}, name)
    send.digest = digest_of(send)
    return send


async def until_known(committer: Committer, send: SendEvent) -> Done:
    """Send it as a service does: again, under the same id, until it is known what became of it."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            again = SendEvent(send.ref, send.event, send.data, send.command)
            again.digest = send.digest
            answer = await committer.send(again)
            if isinstance(answer, Done):
                return answer
            assert isinstance(answer, Failed), answer
            await asyncio.sleep(0.02)


def require_one_history(log: list[Record]) -> None:
    """Every command once, every version once and without gap, in the order of positions."""
    assert max(Counter(line.command for line in log).values()) == 1
    versions: Counter[str] = Counter()
    for line in log:
        versions[line.entity] += 1
        assert line.version == versions[line.entity], f"{line.entity} at position {line.position}"
    assert [line.position for line in log] == sorted({line.position for line in log})


class Caller:
    """Sends one event after the other until it is told to stop; `told` is what was acknowledged."""

    def __init__(self, committer: Committer, name: int) -> None:
        self.told: list[Record] = []
        self._task = asyncio.create_task(self._send(committer, name))

    async def _send(self, committer: Committer, name: int) -> None:
        for number in range(100_000):
            done = await until_known(committer, switch(f"lamp-{name % 5}", f"{name}-{number}"))
            self.told.append(done.record)

    async def stop(self) -> None:
        """Stop, whatever is under way."""
        self._task.cancel()
        await asyncio.wait((self._task,))
        if not self._task.cancelled():
            self._task.result()


def require_acknowledged(callers: Iterable[Caller], log: list[Record]) -> int:
    """All that the callers were told stands in the log as they were told it; how much that is."""
    stands = {line.command: line for line in log}
    told = [record for caller in callers for record in caller.told]
    assert [record.command for record in told if stands.get(record.command) != record] == []
    return len(told)
