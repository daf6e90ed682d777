"""Reading documents in a process of its own: what is asked of it, how it answers, and its whole life.

A large document takes a second of an interpreter, which serves nobody else meanwhile; one made to take more must not
take the server with it. So the process has limits of time and memory, and is started anew when it runs into one.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import struct
import subprocess
import sys
from pathlib import Path
from threading import Timer
from typing import IO, Literal

import msgspec
from msgspec import Struct

from statewright.formats.imports import read_foreign
from statewright.formats.notes import Imported, Unreadable
from statewright.machine.reading import Reading, read_definition
from statewright.machine.surroundings import Surroundings

SECONDS = 15.0
"""How long one document may take; the largest that people write take one."""
MEMORY = 1_536 * 1024 * 1024
"""How much address space the process may have, in bytes."""
GROWN = 512 * 1024
"""From this much memory on, in KiB as Linux tells it, the process is replaced once it has answered."""
_NICE = 5
_LENGTH = struct.Struct(">I")
_FIRST = b'{"id": "a", "states": {"b": {"always": {"guard": {"@expr": "true"}}}}}'
"""Read before anybody asks, so that whatever is made on first use is there."""


class Asked(Struct, frozen=True):
    """A text to read: a document of our language when it has no `source`, else a machine of another tool."""

    text: bytes
    around: Surroundings = Surroundings()
    source: Literal["xstate", "scxml"] | None = None
    name: str = "machine"


class Unread(Struct, frozen=True):
    """Why a text of another tool was not taken."""

    sentence: str
    line: int
    column: int


class Answered(Struct, frozen=True):
    """One of three: what our reader said, what was imported, or why nothing was. `last`: the process ends with it."""

    reading: Reading | None = None
    imported: Imported | None = None
    unread: Unread | None = None
    last: bool = False


class Ended(Exception):
    """The process ended before it answered; `late` when it was ended for taking too long."""

    def __init__(self, *, late: bool) -> None:
        super().__init__("it took too long" if late else "it ended")
        self.late = late


class Apart:
    """The process, as the other side sees it. Not for several threads at once."""

    def __init__(self, seconds: float = SECONDS) -> None:
        """Started here and not waited for. Raises OSError where no process can be made."""
        self._seconds = seconds
        self._is_late = False
        self._process = subprocess.Popen(  # noqa: S603  # our own interpreter and module
            [sys.executable, "-P", "-c", f"from {__name__} import main; main()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def ask(self, asked: Asked) -> Answered:
        """What it answers. Raises Ended."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        timer = Timer(self._seconds, self._end_late)
        timer.daemon = True
        timer.start()
        try:
            _write(process.stdin, msgspec.msgpack.encode(asked))
            answer = _read(process.stdout)
        except OSError:
            answer = None
        finally:
            timer.cancel()
        if answer is None:
            raise Ended(late=self._is_late)
        return _ANSWERS.decode(answer)

    def _end_late(self) -> None:
        self._is_late = True
        self._process.kill()

    def kill(self) -> None:
        """End the process, whatever it does; from any thread."""
        self._process.kill()

    def close(self) -> None:
        """End the process and let go of its pipes."""
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # what was written last may have nobody to go to
                    pipe.close()
        self._process.wait()


def answered(asked: Asked) -> Answered:
    """Read a document, here and now."""
    if asked.source is None:
        return Answered(reading=read_definition(asked.text, asked.around))
    try:
        return Answered(imported=read_foreign(asked.text, asked.source, name=asked.name))
    except Unreadable as fault:
        return Answered(unread=Unread(fault.sentence, fault.line, fault.column))


_ASKED = msgspec.msgpack.Decoder(Asked)
_ANSWERS = msgspec.msgpack.Decoder(Answered)


def _write(pipe: IO[bytes], frame: bytes) -> None:
    pipe.write(_LENGTH.pack(len(frame)) + frame)
    pipe.flush()


def _read(pipe: IO[bytes]) -> bytes | None:
    """One frame; None when the other side has ended."""
    length = pipe.read(_LENGTH.size)
    if len(length) < _LENGTH.size:
        return None
    (size,) = _LENGTH.unpack(length)
    frame = pipe.read(size)
    return frame if len(frame) == size else None


# --- The process's own life ---------------------------------------------------------------------------------------


def main() -> None:
    """Answer until the other side closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a stop is the other side's to decide
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not come between the answers
    _limit()
    answered(Asked(_FIRST))
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    while (frame := _read(sys.stdin.buffer)) is not None:
        said = msgspec.structs.replace(answered(_ASKED.decode(frame)), last=_has_grown())
        _write(answers, msgspec.msgpack.encode(said))
        if said.last:
            return
        del said, frame
        gc.collect()


def _limit() -> None:
    with contextlib.suppress(ImportError, OSError, ValueError, AttributeError):  # as far as the system has limits
        import resource  # not on every system

        os.nice(_NICE)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def _has_grown() -> bool:
    with contextlib.suppress(OSError):  # what it holds now: the most ever may be that of whoever started it
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") > GROWN * 1024
    try:
        import resource  # not on every system
    except ImportError:
        return False
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most > (GROWN * 1024 if sys.platform == "darwin" else GROWN)  # there it is told in bytes
