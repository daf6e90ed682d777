"""Graphviz in a process of its own: one layout at a time, ended when it takes too long, started again when needed."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

WORKER = Path(__file__).with_name("worker.py")


class LayoutFailed(Exception):
    """Graphviz gave no layout: it took longer than its limit, died twice, or refused the graph. Use a plain layout."""


class _Died(Exception):
    """The child ended before its time was up."""


class GraphvizProcess:
    """Lays out graphs in a child process. One caller at a time: the caller sees to that.

    The child is started by the first graph, or by `start` when there is time to spare.
    """

    def __init__(self, limit_s: float = 5.0, worker: Path = WORKER) -> None:
        self.limit_s = limit_s
        self._worker = worker
        self._child: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Have the child ready; a tenth of a second that the first graph need not wait for."""
        self._ready()

    def lay_out(self, dot: str) -> dict[str, Any]:
        """The graph with positions, as Graphviz's `json0`. Raises LayoutFailed, when the time is up at the latest."""
        try:
            line = self._asked(dot)
        except _Died:
            try:
                line = self._asked(dot)  # it may have died of something else, the machine's memory for one
            except _Died as died:
                raise LayoutFailed("the layout process died twice over this graph") from died
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise LayoutFailed(f"Graphviz refused the graph: {answer['error']}")
        return answer

    def _asked(self, dot: str) -> bytes:
        child = self._ready()
        late = threading.Event()

        def give_up() -> None:
            late.set()
            child.kill()

        alarm = threading.Timer(self.limit_s, give_up)
        alarm.start()
        try:
            line = _exchange(child, json.dumps(dot).encode() + b"\n")
        finally:
            alarm.cancel()
        if line.endswith(b"\n"):
            return line
        self._end()
        if late.is_set():
            raise LayoutFailed(f"the layout took longer than {self.limit_s} s")
        raise _Died

    def close(self) -> None:
        """End the child. The next graph would start another."""
        self._end()

    def _ready(self) -> subprocess.Popen[bytes]:
        if self._child is not None and self._child.poll() is None:
            return self._child
        self._end()
        # -P: the folder of the worker must not stand before the libraries it imports. The second more is for us to be
        # the first to end it; its own limit is there for the day we are not.
        command = [sys.executable, "-P", str(self._worker), str(self.limit_s + 1)]
        self._child = subprocess.Popen(  # noqa: S603  # our own file and our own number
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        return self._child

    def _end(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            with contextlib.suppress(OSError):  # what we wrote last may still lie in the pipe
                child.communicate()


def _exchange(child: subprocess.Popen[bytes], request: bytes) -> bytes:
    """The line that answers `request`; without its end when the child went away."""
    if child.stdin is None or child.stdout is None:
        return b""
    try:
        child.stdin.write(request)
        child.stdin.flush()
        return child.stdout.readline()
    except OSError:
        return b""
