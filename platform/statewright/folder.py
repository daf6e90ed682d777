"""The data folder, and the lock that gives it one owner."""

from __future__ import annotations

import contextlib
import fcntl
import os
from pathlib import Path


class FolderInUse(Exception):
    """Another process owns the data folder."""

    def __init__(self, folder: Path, holder: str) -> None:
        super().__init__(f"{folder} is in use by {holder}; stop that first, or use another folder")


class ImportUnfinished(FolderInUse):
    """An import into the folder began and was not finished: what stands there is a part of a log."""

    def __init__(self, folder: Path) -> None:
        Exception.__init__(
            self,
            f"an import into {folder} was not finished: run `statewright import` again with the same file to go on, "
            "or empty the folder",
        )


IMPORTING = "importing"
"""The file in a folder that an import began to fill; gone when it is done."""


class FolderLock:
    """An exclusive lock on a data folder, while this object is open; the kernel lets go when a process dies."""

    def __init__(self, folder: Path, purpose: str) -> None:
        """Make the folder if need be and take it. Raises FolderInUse, naming who holds it.

        Raises ImportUnfinished, but for another `import`, where one has not come to its end.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._file = open(folder / "lock", "a+", encoding="utf-8")  # noqa: SIM115  # open for as long as it is held
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.seek(0)
            holder = self._file.read().strip() or "another process"
            self._file.close()
            raise FolderInUse(folder, holder) from None
        if purpose != "import" and (folder / IMPORTING).exists():
            self._file.close()
            raise ImportUnfinished(folder)
        self._file.truncate(0)
        self._file.write(f"statewright {purpose} (process {os.getpid()})")
        self._file.flush()

    def release(self) -> None:
        """Let go of the folder."""
        with contextlib.suppress(OSError):
            self._file.truncate(0)
        self._file.close()
