"""A real PostgreSQL for tests: a cluster of their own in a temporary folder, reached through a socket in it."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest

_WHERE = ("/usr/lib/postgresql", "/opt/homebrew/opt")
_numbers = count(1)

on_both = pytest.mark.parametrize("database", ["sqlite", "postgres"], indirect=True)
"""For a test whose `database` is to be of either kind, once each."""


class Cluster:
    """A server that can be stopped, killed and started again."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.folder = folder
        self._programs = programs
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The database that is there from the beginning, as SQLAlchemy writes it."""
        return f"postgresql+psycopg://postgres@/postgres?host={self.folder}"

    def schema(self) -> str:
        """The URL of a schema that nobody has used yet."""
        return f"{self.url}&options=-csearch_path%3Dt{os.getpid()}_{next(_numbers)}"

    def make(self) -> None:
        """Make the cluster, ordered by a language's rules, so that who relies on another order is found out."""
        order = ("--locale-provider=icu", "--icu-locale=en-US", "--encoding=UTF8")
        command = [self._programs / "initdb", "-D", self.folder / "data", "-U", "postgres", "-A", "trust", *order]
        subprocess.run(command, check=True, capture_output=True, **_as_nobody_special())

    def start(self) -> None:
        """Start the server, and return when it takes connections."""
        settings = ("listen_addresses=", f"unix_socket_directories={self.folder}", "max_connections=60")
        options = [option for setting in settings for option in ("-c", setting)]
        command = [self._programs / "postgres", "-D", self.folder / "data", *options]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, **_as_nobody_special())
        ready = [self._programs / "pg_isready", "-q", "-h", self.folder, "-U", "postgres"]
        deadline = time.monotonic() + 60
        while subprocess.run(ready, check=False).returncode:
            assert self._process.poll() is None, (self.folder / "log").read_text()
            assert time.monotonic() < deadline, (self.folder / "log").read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        """Stop the server at once; what it had not written yet is recovered with the next start."""
        if self._process is not None:
            self._process.send_signal(3)  # SIGQUIT: immediately, its children too
            self._process.wait(60)
            self._process = None


def _as_nobody_special() -> dict[str, str]:
    """The server refuses to be run by root."""
    return {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}


def _programs() -> Path | None:
    found = [path for root in _WHERE for path in Path(root).glob("*/bin/initdb")]
    named = [] if found else [path for path in [shutil.which("initdb")] if path]
    return max([path.parent for path in found] or [Path(path).resolve().parent for path in named], default=None)


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A running cluster; a test that needs it is skipped where PostgreSQL is not installed."""
    programs = _programs()
    if programs is None:
        pytest.skip("no PostgreSQL on this machine; on Debian: apt-get install postgresql")
    pytest.importorskip("psycopg")
    folder = Path(tempfile.mkdtemp(prefix="statewright-pg-"))  # short: a socket's path has 107 characters at most
    if os.geteuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
    made = Cluster(programs, folder)
    try:
        made.make()
        made.start()
        yield made
    finally:
        made.stop()
        shutil.rmtree(folder, ignore_errors=True)
