"""The processes that are measured: started on a free port, waited for, asked what they used, and stopped."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.load import Measured, Plan

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
CHECKOUT = Path(__file__).resolve().parent.parent


class Server:
    """A server under measurement, and all processes it has started."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process, self.port = process, port

    def load(self, plan: Plan) -> Measured:
        """Load it from a process of its own. Raises RuntimeError when an answer was not the one expected."""
        line = [sys.executable, "-m", "benchmarks.load", msgspec.json.encode(plan).decode()]
        done = subprocess.run(line, cwd=CHECKOUT, check=True, stdout=subprocess.PIPE)
        measured = msgspec.json.decode(done.stdout, type=Measured)
        if measured.wrong:
            raise RuntimeError(f"{sum(measured.wrong.values())} answers were wrong, such as {measured.wrong}")
        return measured

    def call(self, method: str, path: str, body: object = None) -> Any:
        """One JSON request outside the measurement; its decoded answer. Raises RuntimeError for a problem."""
        return msgspec.json.decode(self.fetch(method, path, body))

    def fetch(self, method: str, path: str, body: object = None) -> bytes:
        """One request outside the measurement; the bytes of its answer. Raises RuntimeError for a problem."""
        data = None if body is None else msgspec.json.encode(body)
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", data, method=method)
        request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                content: bytes = answer.read()
                return content
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method} {path} answered {error.code}: {error.read()!r}") from error

    def cpu_s(self) -> tuple[float, float]:
        """Seconds of CPU used so far: by the server's own process, and by those it has started."""
        own, *others = [used_s(pid) for pid in self.processes()]
        return own, sum(others)

    def processes(self) -> list[int]:
        """The server's own process first, then those it has started."""
        return [self.process.pid, *children(self.process.pid)]


def used_s(pid: int) -> float:
    """Seconds of CPU that a process has used, in the kernel and outside."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def resident_mb(pid: int, field: str = "VmRSS") -> float:
    """A process's resident memory in MB; `VmHWM` is the peak."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) / 1024
    return 0.0


def children(pid: int) -> list[int]:
    """The processes that `pid` started and that still run."""
    return [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]


@contextmanager
def echo(name: str) -> Iterator[Server]:
    """One of the floors of `benchmarks.echoes` under uvicorn: uvloop, httptools, one worker, no access log."""
    options = ["--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning"]
    with started(["uvicorn", f"benchmarks.echoes:{name}", *options], "/echo") as server:
        yield server


@contextmanager
def statewright(data: Path) -> Iterator[Server]:
    """A real `statewright serve` on a data folder: the API with its committer, and the consolidators' process."""
    with started(["statewright", "serve", "--data", str(data)], "/health/ready") as server:
        yield server


@contextmanager
def started(module_and_options: list[str], ready: str) -> Iterator[Server]:
    """A Python module run as a server on a free port of the loopback, stopped by SIGTERM at the end."""
    port = free_port()
    line = [sys.executable, "-m", *module_and_options, "--host", "127.0.0.1", "--port", str(port)]
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(line, cwd=CHECKOUT, stdout=subprocess.DEVNULL, stderr=said)
        try:
            wait_until_it_answers(process, port, ready)
            yield Server(process, port)
        except Exception:
            said.seek(0)
            sys.stderr.write(said.read().decode(errors="replace"))
            raise
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)


def free_port() -> int:
    """A port nobody listens on at the moment."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def wait_until_it_answers(process: subprocess.Popen[bytes], port: int, path: str) -> None:
    """Return when the server answers `path`, an echo's 405 included. Raises RuntimeError when it ended or is late."""
    late = time.monotonic() + 60
    while time.monotonic() < late:
        if process.poll() is not None:
            raise RuntimeError(f"the server for {path} ended with {process.returncode} before it answered")
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=1).close()
            return
        except urllib.error.HTTPError as error:
            if error.code < 500:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise RuntimeError(f"nothing answered on port {port} within a minute")
