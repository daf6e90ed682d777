"""The process that Graphviz lives in: a line of JSON with a graph in, a line of JSON with the places of all boxes out.

It is started by `graphviz_process`, by the path of this file, and imports nothing of ours, so that it is up in a tenth
of a second. Graphviz can hang or crash on odd graphs; here it takes nothing with it.
"""

from __future__ import annotations

import json
import signal
import sys

import pygraphviz  # its wheel carries Graphviz itself

MEMORY = 2 * 1024**3
"""Bytes of address space; a graph that wants more fails here and nowhere else."""


def laid_out(dot: str) -> bytes:
    """The graph with positions, in Graphviz's `json0` format, on one line."""
    with pygraphviz.AGraph(string=dot) as graph:
        drawn: bytes = graph.draw(format="json0", prog="dot")
    return b" ".join(drawn.split())


def main(limit_s: float) -> None:
    """Answer graph after graph until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the server; we end with our input
    _bound_memory()
    for line in sys.stdin.buffer:
        _alarm(limit_s)
        try:
            answer = laid_out(json.loads(line))
        except Exception as error:  # whatever it was, the next graph may be fine
            answer = json.dumps({"error": f"{type(error).__name__}: {error}"}).encode()
        _alarm(0)
        sys.stdout.buffer.write(answer + b"\n")
        sys.stdout.buffer.flush()


def _bound_memory() -> None:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


def _alarm(seconds: float) -> None:
    """Have the kernel end us after `seconds` (0: never), so that a hung worker does not outlive a parent that died."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


if __name__ == "__main__":
    main(float(sys.argv[1]))
