"""The names this server answers to, so that a page of another site cannot borrow it.

As long as nobody is asked for a key, being on this machine is what lets a caller in. A web page is not on this
machine, but its browser is: by pointing a name of its own at 127.0.0.1 (DNS rebinding) it could have the browser send
anything, as to its own site. The `Host` header then still has that name.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

_REMEMBERED = 100


class Hosts:
    """This machine by its loopback names and addresses, and the `named` others that a proxy in front may pass on."""

    def __init__(self, named: Iterable[str] = ()) -> None:
        self._named = frozenset(name.lower() for name in named)
        self._known: set[bytes] = set()

    def knows(self, scope: Mapping[str, Any]) -> bool:
        """Whether a request is addressed to us. One without a `Host` cannot come from a browser."""
        for name, value in scope["headers"]:
            if name == b"host":
                return value in self._known or self._is_ours(value)
        return True

    def _is_ours(self, value: bytes) -> bool:
        host = _without_port(value.decode("latin-1")).lower()
        ours = host in self._named or host == "localhost" or host.endswith(".localhost") or _is_loopback(host)
        if ours and len(self._known) < _REMEMBERED:
            self._known.add(value)
        return ours


def _without_port(written: str) -> str:
    if written.startswith("["):
        return written[1:].partition("]")[0]
    return written.partition(":")[0]


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
