"""What a verification finds, and how it counts what it does not list."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Literal

from msgspec import Struct

from statewright.machine.record import Record

LISTED = 200
"""How many findings are listed of each check; the rest are counted."""

Check = Literal["medium", "record", "seal", "order", "life", "definition", "view", "decision"]
CHECKS: tuple[Check, ...] = ("medium", "record", "seal", "order", "life", "definition", "view", "decision")


class Finding(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that is not as it should be.

    `position` to `last` are where, of `partition`; 0 where it has no place in the log.
    """

    check: Check
    sentence: str
    partition: int = 0
    position: int = 0
    last: int = 0
    type: str = ""
    entity: str = ""
    version: int = 0

    @classmethod
    def at(cls, record: Record, check: Check, sentence: str) -> Finding:
        """What is wrong about one transition."""
        return cls(
            check=check,
            partition=record.partition,
            position=record.position,
            last=record.position,
            type=record.type,
            entity=record.entity,
            version=record.version,
            sentence=sentence,
        )

    def __str__(self) -> str:
        where = ""
        if self.position:
            several = self.last > self.position
            where = f"positions {self.position} to {self.last}" if several else f"position {self.position}"
            where = f"{where} of partition {self.partition}: " if self.partition else f"{where}: "
        return f"{self.check}: {where}{self.sentence}"


class Findings:
    """All that was found; `found` hears of each that is listed, as soon as it is known."""

    def __init__(self, found: Callable[[Finding], None] = lambda _: None) -> None:
        self.listed: list[Finding] = []
        self.counts: Counter[Check] = Counter()
        self._found = found

    def add(self, finding: Finding) -> None:
        """One more."""
        self.counts[finding.check] += 1
        if self.counts[finding.check] <= LISTED:
            self.listed.append(finding)
            self._found(finding)
