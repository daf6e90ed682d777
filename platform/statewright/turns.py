"""What one of several processes does at a time, told whose turn it is; the consolidators' leases say so."""

from __future__ import annotations

from typing import Protocol


class Turn(Protocol):
    """Which process does it. Both may take as long as a database does, and raise while there is none."""

    async def is_mine(self) -> bool:
        """Whether it is this process; to be asked before every piece of the work, and at least every few seconds."""
        ...

    async def give_back(self) -> None:
        """Let another process go on at once, since this one ends."""
        ...


class Alone:
    """The turn of a process that shares the work with no other."""

    async def is_mine(self) -> bool:
        """Always."""
        return True

    async def give_back(self) -> None:
        """There is nobody to give it to."""
