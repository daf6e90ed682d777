"""Three servers on loopback, as an operator would set them up, that tests may kill, pause and start again."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

PATIENCE_S = 60.0


def binary() -> str | None:
    """The server under test: of the variable `STATEWRIGHT_NATS_SERVER`, of this environment, or of this machine."""
    beside = Path(sys.executable).parent / "nats-server"
    return os.environ.get("STATEWRIGHT_NATS_SERVER") or (
        str(beside) if beside.exists() else shutil.which("nats-server")
    )


class Cluster:
    """`size` servers in a folder. Started by `start`, or as a context."""

    def __init__(self, folder: Path, size: int = 3, *, sync: str = "always") -> None:
        self.folder = folder
        self.sync = sync
        self.names = [f"n{number}" for number in range(size)]
        self.ports = {name: _free_port() for name in self.names}
        self._routes = {name: _free_port() for name in self.names}
        self._monitors = {name: _free_port() for name in self.names}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Cluster:
        for name in self.names:
            self.start(name)
        self.wait_ready()
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self._running):
            self.kill(name)
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, name: str, **settings: object) -> str:
        """The URL of a log named `name` on this cluster."""
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.ports.values())
        settings = {"monitor": self.monitors, **settings}
        query = "&".join(f"{key}={value}" for key, value in settings.items() if value is not None)
        return f"nats://{hosts}/{name}?{query}"

    @property
    def monitors(self) -> str:
        """The addresses of the servers' monitoring, as a URL takes them."""
        return ",".join(f"http://127.0.0.1:{port}" for port in self._monitors.values())

    def start(self, name: str) -> None:
        """Start one server, on the data it had."""
        self.folder.mkdir(parents=True, exist_ok=True)
        routes = ", ".join(f'"nats://127.0.0.1:{port}"' for port in self._routes.values())
        clustered = len(self.names) > 1
        cluster = f"cluster {{ name: log, listen: 127.0.0.1:{self._routes[name]}, routes: [{routes}] }}"
        configuration = self.folder / f"{name}.conf"
        configuration.write_text(
            f"server_name: {name}\n"
            f"listen: 127.0.0.1:{self.ports[name]}\n"
            f"http: 127.0.0.1:{self._monitors[name]}\n"
            f'jetstream {{ store_dir: "{self.folder / name}", sync_interval: {self.sync}, max_file_store: 2GB }}\n'
            f"{cluster if clustered else ''}\n",
            encoding="utf-8",
        )
        found = binary()
        assert found, "there is no nats-server to test with"
        with (self.folder / f"{name}.log").open("ab") as log:
            self._running[name] = subprocess.Popen([found, "-c", str(configuration)], stdout=log, stderr=log)

    def kill(self, name: str) -> None:
        """End a server as a power cut would, whatever it was doing."""
        process = self._running.pop(name)
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        process.wait()

    def pause(self, name: str) -> None:
        """Stop a server where it stands; it keeps its connections and answers nothing."""
        self._running[name].send_signal(signal.SIGSTOP)

    def go_on(self, name: str) -> None:
        """Let a paused server run again."""
        self._running[name].send_signal(signal.SIGCONT)

    def wait_ready(self) -> None:
        """Return when every server that runs takes part in JetStream."""
        deadline = time.monotonic() + PATIENCE_S
        for name in self._running:
            while not self._is_ready(name):
                assert time.monotonic() < deadline, (self.folder / f"{name}.log").read_text()[-3_000:]
                time.sleep(0.05)

    def _is_ready(self, name: str) -> bool:
        health = self._read(name, "healthz?js-server-only=true")
        return health is not None and health.get("status") == "ok"

    def leader_of(self, stream: str) -> str:
        """The server that leads a stream now."""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            for name in self._running:
                for account in (self._read(name, "jsz?streams=true&accounts=true") or {}).get("account_details") or ():
                    for detail in account.get("stream_detail") or ():
                        leader = (detail.get("cluster") or {}).get("leader")
                        if detail["name"] == stream and leader in self._running:
                            return str(leader)
            time.sleep(0.1)
        raise AssertionError(f"nobody leads {stream}")

    def _read(self, name: str, path: str) -> dict[str, Any] | None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._monitors[name]}/{path}", timeout=5) as answer:
                found: dict[str, Any] = json.load(answer)
        except (OSError, ValueError):
            return None
        return found


def _free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port
