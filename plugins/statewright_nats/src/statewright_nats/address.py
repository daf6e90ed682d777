"""Where a log is kept and what was said of the cluster: the URL `nats://HOST:4222,HOST:4222/NAME?SETTING=VALUE`."""

from __future__ import annotations

import re
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from msgspec import Struct

from statewright.stores.words import StoreRefused

SCHEMES = ("nats", "tls")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_PORT = 4222
_MOST_STREAMS = 64
_SETTINGS = ("replicas", "streams", "sync", "monitor")


class Address(Struct, frozen=True, kw_only=True):
    """A URL, read.

    `servers` are URLs of single servers, credentials and all. `monitors` are the addresses of the servers' monitoring
    over HTTP, from which their settings are read; `sync_stated` says that the operator answers for `sync_interval:
    always` where they cannot be.
    """

    servers: tuple[str, ...]
    name: str = "statewright"
    replicas: int = 3
    streams: int = 1
    sync_stated: bool = False
    monitors: tuple[str, ...] = ()

    @classmethod
    def of(cls, url: str) -> Address:
        """Raises StoreRefused for a URL that cannot be one; its password never stands in the sentence."""
        parts = urlsplit(url)
        if parts.scheme not in SCHEMES or not parts.netloc:
            raise StoreRefused(
                f"write the log's URL as nats://HOST:{_PORT}/NAME; several hosts are told apart by commas"
            )
        name = unquote(parts.path.strip("/")) or "statewright"
        if not _NAME.fullmatch(name):
            raise StoreRefused(f"{name[:70]!r} cannot name a stream; use letters, digits, - and _, at most 64")
        given = _given(parts)
        return cls(
            servers=_servers(parts),
            name=name,
            replicas=_replicas(given.get("replicas", "3")),
            streams=_whole(given.get("streams", "1"), "streams", 1, _MOST_STREAMS),
            sync_stated=_sync(given.get("sync")),
            monitors=_monitors(given.get("monitor", "")),
        )


def _given(parts: SplitResult) -> dict[str, str]:
    given = parse_qsl(parts.query, keep_blank_values=True)
    for name, _ in given:
        if name not in _SETTINGS:
            raise StoreRefused(f"`{name[:40]}` is no setting of a log on NATS; there are {', '.join(_SETTINGS)}")
    return dict(given)


def _servers(parts: SplitResult) -> tuple[str, ...]:
    credentials, at, hosts = parts.netloc.rpartition("@")
    servers = []
    for host in hosts.split(","):
        if not host or any(sign in host for sign in " /"):
            raise StoreRefused(f"{host[:70]!r} is no host; write hosts as HOST:{_PORT}, told apart by commas")
        port = "" if re.search(r":[0-9]+$", host) else f":{_PORT}"
        servers.append(f"{parts.scheme}://{credentials}{at}{host}{port}")
    return tuple(servers)


def _replicas(text: str) -> int:
    replicas = _whole(text, "replicas", 1, 5)
    if replicas in (2, 4):
        raise StoreRefused(f"`replicas={replicas}` is no safer than one less; use 3 or 5, or 1 for a log you can lose")
    return replicas


def _whole(text: str, name: str, least: int, most: int) -> int:
    if not re.fullmatch(r"[0-9]{1,4}", text, re.ASCII) or not least <= int(text) <= most:
        raise StoreRefused(f"`{name}` is a number from {least} to {most}, not {text[:20]!r}")
    return int(text)


def _sync(text: str | None) -> bool:
    if text not in (None, "always"):
        raise StoreRefused(
            "`sync=always` is all that can be said of syncing: a log on less can lose what it acknowledged"
        )
    return text is not None


def _monitors(text: str) -> tuple[str, ...]:
    monitors = tuple(each.rstrip("/") for each in text.split(",") if each)
    for each in monitors:
        parts = urlsplit(each)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise StoreRefused(
                f"`monitor` takes addresses as http://HOST:8222, told apart by commas, not {each[:70]!r}"
            )
    return monitors
