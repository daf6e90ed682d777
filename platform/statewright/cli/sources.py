"""What a command reads line by line from a file or from standard input, and how it shows how far it is."""

from __future__ import annotations

import gzip
import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from rich.console import Console
from rich.progress import Progress, ProgressColumn

_GZIP = b"\x1f\x8b"


class Source:
    """A file, or standard input where it is named `-`: its lines, and how far reading is.

    `size` is in bytes, None where nobody knows. Raises OSError for a file that cannot be opened.
    """

    def __init__(self, file: str) -> None:
        self.size = None if file == "-" else Path(file).stat().st_size
        self._raw: io.RawIOBase = _unbuffered_stdin() if file == "-" else io.FileIO(file)
        self._buffered = io.BufferedReader(self._raw, 1 << 20)

    def __enter__(self) -> Source:
        return self

    def __exit__(self, *_: object) -> None:
        self._buffered.close()

    @property
    def read(self) -> int:
        """How many bytes of the file were read."""
        return self._raw.tell() if self.size is not None else 0

    def lines(self) -> Iterator[bytes]:
        """The lines, unpacked where the file is packed.

        Raises OSError, EOFError and zlib.error where the file breaks off.
        """
        packed = self._buffered.peek(2)[:2] == _GZIP
        return iter(cast(BinaryIO, gzip.GzipFile(fileobj=self._buffered)) if packed else self._buffered)


def showing(*columns: ProgressColumn) -> Progress:
    """How far a command is, on standard error; nothing where nobody looks."""
    console = Console(stderr=True)
    return Progress(*columns, console=console, disable=not console.is_terminal)


def _unbuffered_stdin() -> io.RawIOBase:
    """Standard input without the buffer that Python puts before it, or lines would wait until it is full."""
    return cast(io.RawIOBase, getattr(sys.stdin.buffer, "raw", sys.stdin.buffer))
