"""A SQLite database copied as it stands at one moment, whoever writes to it meanwhile."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

import apsw


class CopyFailed(Exception):
    """A database could not be copied; the sentence says which and why."""


def copy_database(source: Path, target: Path, progress: Callable[[int], None] = lambda _: None) -> None:
    """Copy `source` to the new file `target`, durably, by SQLite's own backup. Raises CopyFailed.

    All pages in one step: a writer in another process would make a backup in many steps begin anew with every commit.
    It holds one snapshot for as long, so that the source's WAL grows meanwhile by what is written.
    """
    try:
        with contextlib.closing(apsw.Connection(str(source), flags=apsw.SQLITE_OPEN_READWRITE)) as here:
            here.set_busy_timeout(30_000)
            here.pragma("query_only", True)
            with contextlib.closing(apsw.Connection(str(target))) as there:
                with there.backup("main", here, "main") as backup:
                    backup.step(-1)
                there.pragma("journal_mode", "delete")  # no -wal beside a copy: it is one file
    except apsw.Error as error:
        raise CopyFailed(f"{source} cannot be copied to {target}: {error}") from error
    progress(target.stat().st_size)
    sync(target)


def sync(path: Path) -> None:
    """See a file's bytes, or a folder's names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
