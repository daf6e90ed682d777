"""A wire between a client and a server that can be cut at the worst moment."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

_EXECUTES = b"B"
"""How PostgreSQL's protocol begins a request that executes a statement (Bind)."""


class Wire:
    """Carries bytes both ways until it is told otherwise, in threads of its own.

    `cut_after_request`: the next statement still reaches the server, its answer reaches nobody and the client is cut
    off. `hold_request`: the next statement is kept and the client cut off; `deliver` hands it over when it is late.
    """

    def __init__(self, host: str, port: int) -> None:
        self._server_at = (host, port)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self._next = ""
        self._saying = b""
        self._held: list[tuple[socket.socket, bytes]] = []
        self._lines: list[tuple[socket.socket, socket.socket]] = []
        self._threads: list[threading.Thread] = []
        self.cuts = 0
        self._begin(self._accept)

    def cut_after_request(self, saying: bytes = b"") -> None:
        """Lose the answer to the next statement, or to the next request that says something."""
        self._next, self._saying = "cut", saying

    def hold_request(self) -> None:
        """Keep the next statement from the server."""
        self._next, self._saying = "hold", b""

    def deliver(self) -> None:
        """Hand over what was kept; a server that has ended the session takes no notice."""
        for server, request in self._held:
            with suppress(OSError):
                server.sendall(request)
        time.sleep(0.3)

    def cut_all(self) -> None:
        """Cut off everybody who is connected."""
        for line in list(self._lines):
            _cut(*line)

    def close(self) -> None:
        """Let go of everything."""
        _cut(self._listening)
        self.cut_all()
        for thread in self._threads:
            thread.join(10)
        for sockets in [*self._lines, (self._listening,)]:
            for each in sockets:
                each.close()

    def _begin(self, work: object, *arguments: socket.socket) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                try:
                    server = socket.create_connection(self._server_at)
                except OSError:
                    client.close()
                    continue
                self._lines.append((client, server))
                self._begin(self._forth, client, server)
                self._begin(self._back, client, server)

    def _forth(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while request := client.recv(1 << 16):
                if self._next and (self._saying in request if self._saying else request.startswith(_EXECUTES)):
                    how, self._next = self._next, ""
                    self.cuts += 1
                    _cut(client)
                    if how == "hold":
                        self._held.append((server, request))
                        return
                    server.sendall(request)  # the other thread hears the answer, and has nobody to tell
                    return
                server.sendall(request)
        _cut(client, server)

    def _back(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while answer := server.recv(1 << 16):
                with suppress(OSError):
                    client.sendall(answer)
        _cut(client, server)


def _cut(*sockets: socket.socket) -> None:
    for each in sockets:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


@contextmanager
def wire_to(url: str) -> Iterator[tuple[Wire, str]]:
    """A wire to the server at `url`, and the URL of its other end."""
    parts = urlsplit(url)
    wire = Wire(str(parts.hostname), int(parts.port or 5432))
    try:
        yield wire, url.replace(f":{parts.port}", f":{wire.port}", 1)
    finally:
        wire.close()
