"""The log beside its seals: what was changed, removed, put in or moved, to the position."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

from statewright.keeping.findings import Finding, Findings
from statewright.keeping.keys import PublicKey
from statewright.keeping.seals import (
    ENTRY,
    Seals,
    SealsDamaged,
    Stretch,
    beginning_of,
    chained,
    entry_of,
    position_of,
)
from statewright.machine.moments import Micros
from statewright.stores.words import Stored


class Proving:
    """Compares a log, handed over in its order, with its seals. No more than a seal's worth is in memory."""

    def __init__(self, seals: Seals, findings: Findings, trusted: PublicKey | None = None) -> None:
        self.seals = 0
        """How many seals were found right."""
        self.sealed_at: Micros = 0
        """When the last of them was made."""
        self.unsealed = 0
        """How many transitions come behind the last seal."""
        self._folder = seals
        names: dict[str, None] = {}
        try:
            for seal in seals.checked(trusted):
                self.seals += 1
                self.sealed_at = seal.at
                names.update(dict.fromkeys(seal.partitions))
        except SealsDamaged as error:
            findings.add(Finding(check="seal", sentence=f"{error}; what comes after it proves nothing"))
        self._partitions = {name: _Partition(name, seals, self._stretches(name), findings) for name in names}

    def _stretches(self, partition: str) -> Iterator[Stretch]:
        """What the seals that were found right say of a partition."""
        for seal in itertools.islice(self._folder, self.seals):
            if partition in seal.partitions:
                yield seal.partitions[partition]

    def take(self, stored: Stored) -> None:
        """The next transition of the log."""
        partition = self._partitions.get(str(stored.partition))
        if partition is None or not partition.take(stored):
            self.unsealed += 1

    def end(self) -> None:
        """The log is at its end."""
        for partition in self._partitions.values():
            partition.end()


class _Partition:
    def __init__(self, name: str, seals: Seals, stretches: Iterator[Stretch], findings: Findings) -> None:
        self._name = name
        self._seals = seals
        self._stretches = stretches
        self._findings = findings
        self._chain = beginning_of(seals.log, name)
        self._count = 0
        self._stretch = next(stretches, None)
        self._entries: list[bytes] = []
        self._last = 0

    def take(self, stored: Stored) -> bool:
        """Whether the transition lies where something was sealed."""
        while self._stretch is not None and stored.position > self._stretch.last:
            self._close(self._stretch)
        self._last = stored.position
        if self._stretch is None:
            return False
        self._entries.append(entry_of(stored))
        return True

    def end(self) -> None:
        while self._stretch is not None:
            self._close(self._stretch)

    def _close(self, stretch: Stretch) -> None:
        found = b"".join(self._entries)
        if chained(self._chain, found).hex() != stretch.chain:
            self._tell(stretch, found)
        self._chain = bytes.fromhex(stretch.chain)
        self._count = stretch.count
        self._entries = []
        self._stretch = next(self._stretches, None)

    def _tell(self, stretch: Stretch, found: bytes) -> None:
        """What exactly is another than was sealed."""
        sealed = self._seals.read_entries(self._name, self._count, stretch.count - self._count)
        if chained(self._chain, sealed).hex() != stretch.chain:
            self._add(
                stretch.first,
                stretch.last,
                "something here is not what was sealed; which, cannot be told, since the entries beside the seals are"
                " damaged too",
            )
            return
        was, stands = _by_position(sealed), _by_position(found)
        standing = set(stands.values())
        whence = {digest: position for position, digest in was.items()}
        runs = _Runs(self._add)
        at_the_end = max(stands, default=self._last)
        for position in sorted(was | stands):
            digest = stands.get(position)
            if digest is None:
                if position > at_the_end:
                    runs.add(position, "it was sealed, and is gone: the log was cut off before it")
                elif was[position] not in standing:
                    runs.add(position, "it was sealed, and is gone")
                else:
                    runs.add(position, "nothing stands here any more; what was sealed here stands elsewhere")
            elif position not in was:
                moved = whence.get(digest)
                put_in = "it was never sealed: it was put in afterwards"
                runs.add(position, put_in if moved is None else f"what was sealed as position {moved} stands here")
            elif digest != was[position]:
                moved = whence.get(digest)
                changed = "it is not what was sealed here: it was changed"
                runs.add(position, changed if moved is None else f"what was sealed as position {moved} stands here")
        runs.end()

    def _add(self, first: int, last: int, sentence: str) -> None:
        partition = int(self._name)
        self._findings.add(Finding(check="seal", partition=partition, position=first, last=last, sentence=sentence))


class _Runs:
    """Findings of neighbours that say the same, told as one."""

    def __init__(self, add: Callable[[int, int, str], None]) -> None:
        self._add = add
        self._run: tuple[int, int, str] | None = None

    def add(self, position: int, sentence: str) -> None:
        if self._run is not None and self._run[1] + 1 == position and self._run[2] == sentence:
            self._run = (self._run[0], position, sentence)
            return
        self.end()
        self._run = (position, position, sentence)

    def end(self) -> None:
        if self._run is not None:
            self._add(*self._run)
        self._run = None


def _by_position(entries: bytes) -> dict[int, bytes]:
    parts = (entries[at : at + ENTRY] for at in range(0, len(entries), ENTRY))
    return {position_of(part): part[8:] for part in parts}
