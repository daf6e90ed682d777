"""The streams of a log: made once, and looked at whenever it is opened; one that could lose anything is refused."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any, NamedTuple

from statewright.machine.record import FORMAT
from statewright.stores.words import StoreRefused, StoreUnavailable
from statewright_nats.address import Address
from statewright_nats.link import Link, NotSent, Rejected, Unanswered
from statewright_nats.naming import streams_of, subjects_of

REMEMBERED_S = 300
"""For how long the cluster tells a publish sent twice by its id, in seconds."""
_LEAST_REMEMBERED_S = 60
_PATIENCE_S = 15.0
_NO_STREAM = 10059
_NAME_IN_USE = 10058
_SMALLEST_MESSAGE = 640 * 1024
_LOG, _PARTITION, _PARTITIONS, _FORMAT = (
    f"statewright_{name}" for name in ("log", "partition", "partitions", "format")
)


class Found(NamedTuple):
    """A stream that may keep a part of a log: its name, the log's id, and the last position in it."""

    name: str
    log_id: str
    last: int


async def opened(link: Link, address: Address, *, making: bool) -> list[Found]:
    """The streams of the log in the order of their partitions, made where they are not there and `making`.

    Raises StoreRefused for streams that could lose something or are another log's, StoreUnavailable.
    """
    names = streams_of(address.name, address.streams)
    await _require_same_number(link, address)
    log_id = uuid.uuid4().hex
    found = []
    for partition, name in enumerate(names):
        info = await _look(link, name)
        if info is None:
            if not making:
                raise StoreUnavailable(f"there is no stream {name} yet; the process that writes the log makes it")
            info = await _make(link, address, name, partition, log_id)
        _require_safe(info, address, name, partition)
        # The first stream decides: of two who make a log at once, one has its id taken.
        log_id = info["config"]["metadata"][_LOG]
        found.append(Found(name, log_id, int(info["state"]["last_seq"])))
    if len({one.log_id for one in found}) > 1:
        raise StoreRefused(f"the streams {', '.join(names)} are not of one log; use another name")
    return found


async def _require_same_number(link: Link, address: Address) -> None:
    """How an entity's stream is found depends on how many there are, for good."""
    other = f"{address.name}-0" if address.streams == 1 else address.name
    info = await _look(link, other)
    if info is None and address.streams > 1:
        info = await _look(link, f"{address.name}-0")
    made_with = ((info or {}).get("config", {}).get("metadata") or {}).get(_PARTITIONS)
    if made_with is not None and made_with != str(address.streams):
        raise StoreRefused(
            f"the log {address.name} was made with {made_with} streams, and each entity stays in its own: open it with "
            f"streams={made_with}"
        )


async def _look(link: Link, name: str) -> dict[str, Any] | None:
    try:
        return await _patiently(link, f"STREAM.INFO.{name}", None)
    except Rejected as error:
        if error.code == _NO_STREAM:
            return None
        raise StoreUnavailable(f"the stream {name} cannot be looked at: {error}") from error


async def _make(link: Link, address: Address, name: str, partition: int, log_id: str) -> dict[str, Any]:
    try:
        return await _patiently(link, f"STREAM.CREATE.{name}", _configuration(address, name, partition, log_id))
    except Rejected as error:
        made = await _look(link, name) if error.code == _NAME_IN_USE else None
        if made is None:
            raise StoreRefused(f"the cluster will not make the stream {name}: {error}") from error
        return made


async def _patiently(link: Link, subject: str, body: dict[str, Any] | None) -> dict[str, Any]:
    """Ask until a leader answers: after a failure there is none for some seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _PATIENCE_S
    while True:
        try:
            return await link.api(subject, body)
        except (NotSent, Unanswered) as error:
            if loop.time() > deadline:
                raise StoreUnavailable(f"JetStream does not answer: {error}; is it enabled on every server?") from error
        except Rejected as error:
            # 10008: no leader for now; 10005 and 10074: too few servers for so many replicas, perhaps for a moment.
            if error.code not in (10005, 10008, 10074) or loop.time() > deadline:
                raise
        await asyncio.sleep(0.2)


def _configuration(address: Address, name: str, partition: int, log_id: str) -> dict[str, Any]:
    return {
        "name": name,
        "description": "A log of transitions, kept by Statewright. Nothing in it may be changed or deleted.",
        "subjects": [subjects_of(name)],
        "storage": "file",
        "retention": "limits",
        "discard": "new",
        "max_age": 0,
        "max_msgs": -1,
        "max_bytes": -1,
        "max_msgs_per_subject": -1,
        "num_replicas": address.replicas,
        "deny_delete": True,
        "deny_purge": True,
        "allow_atomic": True,
        "allow_direct": True,
        "duplicate_window": REMEMBERED_S * 10**9,
        "metadata": {
            _LOG: log_id,
            _PARTITION: str(partition),
            _PARTITIONS: str(address.streams),
            _FORMAT: str(FORMAT),
        },
    }


def _require_safe(info: dict[str, Any], address: Address, name: str, partition: int) -> None:
    faults = faults_of(info["config"], address, name, partition)
    state = info["state"]
    if state["last_seq"] and (state["first_seq"] != 1 or state.get("num_deleted")):
        faults.append("messages of it are missing: restore it from a backup")
    if faults:
        raise StoreRefused(f"the stream {name} cannot keep a log: {'; '.join(faults)}")


def faults_of(config: dict[str, Any], address: Address, name: str, partition: int) -> list[str]:
    """What is wrong with a stream's configuration, each fault with what it must be; empty for one that is safe."""
    metadata = config.get("metadata") or {}
    wanted = (str(partition), str(address.streams))
    if _LOG not in metadata or (metadata.get(_PARTITION), metadata.get(_PARTITIONS)) != wanted:
        return ["it was made for something else; use another name in the URL"]
    if metadata.get(_FORMAT) != str(FORMAT):
        return [
            f"it holds format {metadata.get(_FORMAT)} and this release reads {FORMAT}; use the release that made it"
        ]
    unset = (None, 0, -1)
    rules = (
        (config.get("storage") == "file", "`storage` must be file"),
        (config.get("retention") == "limits", "`retention` must be limits, or what was read would be gone"),
        (config.get("discard") == "new", "`discard` must be new, or a full stream would drop its beginning"),
        (config.get("max_age") in unset, "`max_age` must be 0, or what is old would be gone"),
        (config.get("max_msgs_per_subject") in unset, "`max_msgs_per_subject` must be -1"),
        (config.get("subjects") == [subjects_of(name)], f"`subjects` must be {subjects_of(name)} alone"),
        (_is_large_enough(config.get("max_msg_size")), f"`max_msg_size` must be -1 or {_SMALLEST_MESSAGE} at least"),
        (bool(config.get("deny_delete")), "`deny_delete` must be true"),
        (bool(config.get("deny_purge")), "`deny_purge` must be true"),
        (bool(config.get("allow_atomic")), "`allow_atomic` must be true"),
        (bool(config.get("allow_direct")), "`allow_direct` must be true"),
        (not config.get("allow_rollup_hdrs"), "`allow_rollup_hdrs` must be false"),
        (not config.get("allow_msg_ttl"), "`allow_msg_ttl` must be false"),
        (not config.get("no_ack"), "`no_ack` must be false"),
        (not config.get("sealed"), "it is sealed, and takes nothing more"),
        (config.get("persist_mode") != "async", "`persist_mode` must not be async, or it acknowledges before it syncs"),
        (not any(config.get(way) for way in ("mirror", "sources", "subject_transform")), "others fill it too"),
        (
            config.get("duplicate_window", 0) >= _LEAST_REMEMBERED_S * 10**9,
            f"`duplicate_window` must be {_LEAST_REMEMBERED_S} s at least",
        ),
        (_has_replicas(config, address), _replicas_fault(config, address)),
    )
    return [fault for holds, fault in rules if not holds]


def _is_large_enough(size: int | None) -> bool:
    return size in (None, 0, -1) or int(size or 0) >= _SMALLEST_MESSAGE


def _has_replicas(config: dict[str, Any], address: Address) -> bool:
    return int(config.get("num_replicas", 0)) >= address.replicas


def _replicas_fault(config: dict[str, Any], address: Address) -> str:
    return (
        f"it has {config.get('num_replicas')} of {address.replicas} replicas, and a disk that fails would take what it "
        "acknowledged; add replicas, or open it with replicas=1 if it may be lost"
    )
