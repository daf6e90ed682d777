"""Real PostgreSQL servers for tests: made in a folder of their own, on a free port, as durable as in production.

`initdb` refuses to work for root, so root runs servers as the user `postgres` that the system's package brings.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

STARTS_WITHIN_S = 60.0
_numbers = count(1)

on_both = pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
"""For a test whose `database` is to be of either kind, once each."""
_SETTINGS = """
listen_addresses = '127.0.0.1'
max_connections = 200
shared_buffers = 64MB
max_wal_size = 2GB
fsync = on
synchronous_commit = on
full_page_writes = on
wal_level = replica
max_wal_senders = 5
hot_standby = on
wal_receiver_status_interval = 1s
log_min_messages = warning
"""


def programs() -> Path | None:
    """The folder of the newest PostgreSQL server on this machine; None where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    if found:
        return found[-1].parent
    initdb = shutil.which("initdb")
    return Path(initdb).resolve().parent if initdb else None


class Server:
    """A PostgreSQL server that the tests own; the superuser `statewright` may log in without a password."""

    def __init__(self, folder: Path, settings: str = "") -> None:
        """Servers are started by `make` and `standby`."""
        self.folder = folder
        self.port = _free_port()
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def make(cls, settings: str = "") -> Server:
        """A new server, running; `settings` as in postgresql.conf, over those that all have."""
        server = cls(_new_folder(), settings)
        # Ordered by a language's rules, so that who relies on another order is found out.
        order = ("--locale-provider=icu", "--icu-locale=en-US", "--encoding=UTF8")
        server._run("initdb", "--username=statewright", "--auth=trust", *order, "--no-sync")
        server.start()
        return server

    @property
    def data(self) -> Path:
        """The folder of its files."""
        return self.folder / "data"

    def url(self, database: str = "postgres", query: str = "") -> str:
        """The URL of one of its databases."""
        return f"postgresql://statewright@127.0.0.1:{self.port}/{database}{query}"

    def schema(self) -> str:
        """The URL, as SQLAlchemy writes it, of a schema that nobody has used yet."""
        name = f"t{os.getpid()}_{next(_numbers)}"
        return f"{self.url().replace('postgresql:', 'postgresql+psycopg:')}?options=-csearch_path%3D{name}"

    def start(self) -> None:
        """Start it, and wait until it lets people in. From the main thread, whose end would be the server's, too."""
        more = f"{_SETTINGS}{self._settings}\nport = {self.port}\nunix_socket_directories = '{self.folder}'\n"
        (self.data / "postgresql.auto.conf").write_text(more)
        deadline = time.monotonic() + STARTS_WITHIN_S
        while time.monotonic() < deadline:
            with (self.folder / "log").open("ab") as log:
                self._process = subprocess.Popen(
                    self._command("postgres"), stdout=log, stderr=log, start_new_session=True, cwd=self.folder
                )
            while self._process.poll() is None and time.monotonic() < deadline:
                if self._ask("pg_isready", "-q", "-d", "postgres") == 0:
                    return
                time.sleep(0.02)
            time.sleep(0.1)  # what was killed before may not have let go of its memory yet
        raise AssertionError(f"PostgreSQL did not start; it said:\n{(self.folder / 'log').read_text()[-4_000:]}")

    def stop(self) -> None:
        """Stop it without waiting for anyone."""
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGQUIT)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """`kill -9` of all its processes at once, as when its machine goes down."""
        if self._process is None:
            return
        for pid in (self._process.pid, *_children(self._process.pid)):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()

    def session(self, application: str) -> list[int]:
        """The processes of its sessions whose title holds `application`, such as `walsender`."""
        assert self._process is not None
        return [pid for pid in _children(self._process.pid) if application in _title(pid)]

    def standby(self) -> Server:
        """A copy of this server that follows it, running."""
        follower = Server(_new_folder(), self._settings)
        source = f"host=127.0.0.1 port={self.port} user=statewright application_name=follower"
        follower._run("pg_basebackup", "-d", source, "-X", "stream", "-c", "fast", "-R", "--no-sync")
        follower._settings += f"\nprimary_conninfo = '{source}'\n"
        follower.start()
        return follower

    def promote(self) -> None:
        """Make a standby a primary, and wait until it is."""
        self._run("pg_ctl", "promote", "-w", "-t", "60")

    def set(self, settings: str) -> None:
        """More settings, read without a new start."""
        self._settings += f"\n{settings}\n"
        with (self.data / "postgresql.auto.conf").open("a") as file:
            file.write(f"\n{settings}\n")
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def discard(self) -> None:
        """Stop it and remove its files."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _run(self, program: str, *options: str) -> None:
        done = subprocess.run(self._command(program, *options), capture_output=True, text=True, cwd=self.folder)
        assert done.returncode == 0, f"{program}: {done.stdout}{done.stderr}"

    def _ask(self, program: str, *options: str) -> int:
        found = programs()
        assert found is not None
        address = ("-h", "127.0.0.1", "-p", str(self.port), "-U", "statewright")
        return subprocess.run([str(found / program), *address, *options], capture_output=True).returncode

    def _command(self, program: str, *options: str) -> list[str]:
        found = programs()
        assert found is not None
        return [*_as_owner(), str(found / program), "-D", str(self.data), *options]


def _as_owner() -> Sequence[str]:
    """What makes a command run as who may own a server, and end with this process, however it ends."""
    ends = ("setpriv", "--pdeathsig", "QUIT") if shutil.which("setpriv") else ()
    if os.getuid() != 0:
        return ends
    user = pwd.getpwnam("postgres")
    return ("setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--pdeathsig", "QUIT")


def _new_folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="statewright-pg-"))
    if os.getuid() == 0:
        user = pwd.getpwnam("postgres")
        os.chown(folder, user.pw_uid, user.pw_gid)
    return folder


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _children(pid: int) -> list[int]:
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
