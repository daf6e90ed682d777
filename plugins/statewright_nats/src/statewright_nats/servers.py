"""Whether a cluster may keep a log: the versions of its servers, and that they write before they acknowledge."""

from __future__ import annotations

import asyncio
import json
import re
import urllib.request
from typing import Any

from statewright.stores.words import StoreRefused, StoreUnavailable
from statewright_nats.address import Address
from statewright_nats.link import Link

OLDEST = (2, 12, 1)
"""The first release that takes atomic batches and tells a batch sent twice by its id; 2.9.10 acknowledged two events of
one version, without any fault."""
_LOOK_S = 0.3
"""How long the servers of a cluster have to say that they are there, in seconds."""
_MONITOR_S = 5.0


async def require_fit(link: Link, address: Address) -> None:
    """Raises StoreRefused, with the reason, for a cluster in which what was acknowledged could be lost."""
    _require_version("the server", link.version)
    seen = await _servers_of(link)
    for server in seen:
        _require_version(f"the server {server.get('name')}", str(server.get("ver")))
    if address.monitors:
        await _require_syncing(address, {str(server.get("name")) for server in seen if server.get("jetstream")})
    elif not address.sync_stated:
        raise StoreRefused(
            "it is not known whether the servers sync each write: set `sync_interval: always` in the `jetstream` block "
            "of every server, and give their monitoring in the URL (monitor=http://HOST:8222,…), or answer for it "
            "yourself (sync=always)"
        )


def _require_version(who: str, version: str) -> None:
    found = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    if found is None or tuple(map(int, found.groups())) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise StoreRefused(
            f"{who} is NATS {version or 'of no version'}, and a log needs {oldest} or later: earlier ones do not keep "
            "a group of transitions together, or acknowledge two of one version; upgrade every server of the cluster"
        )


async def _servers_of(link: Link) -> list[dict[str, Any]]:
    """The servers of the cluster as they present themselves, those that answer; none where the account may not ask."""
    answers = await link.gather("$SYS.REQ.ACCOUNT.PING.STATZ", b'{"include_unused": true}', _LOOK_S)
    return [answer["server"] for answer in answers if "server" in answer]


async def _require_syncing(address: Address, names: set[str]) -> None:
    looked = await asyncio.gather(*(asyncio.to_thread(_variables, monitor) for monitor in address.monitors))
    for monitor, variables in zip(address.monitors, looked, strict=True):
        name = variables.get("server_name", monitor)
        _require_version(f"the server {name}", str(variables.get("version", "")))
        config = (variables.get("jetstream") or {}).get("config") or {}
        if not config:
            raise StoreRefused(f"{monitor} shows no JetStream on the server {name}; see to its configuration")
        if not config.get("sync_always"):
            raise StoreRefused(
                f"the server {name} acknowledges before it syncs, and a power cut would take what it acknowledged: set "
                "`sync_interval: always` in its `jetstream` block and restart it"
            )
        names.discard(str(name))
    if names and not address.sync_stated:
        raise StoreRefused(
            f"`monitor` shows nothing of {', '.join(sorted(names))}; add the monitoring of every server, or answer for "
            "the others (sync=always)"
        )


def _variables(monitor: str) -> dict[str, Any]:
    try:
        with urllib.request.urlopen(f"{monitor}/varz", timeout=_MONITOR_S) as answer:  # noqa: S310  # http or https alone
            found = json.load(answer)
    except (OSError, ValueError) as error:
        raise StoreUnavailable(f"the monitoring at {monitor} does not answer: {error}") from error
    return found if isinstance(found, dict) else {}
