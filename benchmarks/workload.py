"""What is sent: one definition that never ends, 10,000 entities under it, and requests built beforehand.

Every event is let through from every state, so the order in which connections get their turn changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

TYPE = "parcel"
ENTITIES = 10_000
STATES = ("received", "checked", "packed", "sent", "delivered", "returned")
EVENT = "ADVANCE"
Form = Literal["echo", "event", "ndjson", "array"]
"""`echo` sends single events to a floor, `event` to us; the other two are `POST /commands` in its two shapes."""


def definition() -> dict[str, Any]:
    """A flat definition of six states in a circle; an event carries two fields, and one of them is kept."""
    following = dict(zip(STATES, (*STATES[1:], STATES[0]), strict=True))
    return {
        "id": TYPE,
        "label": "Parcel",
        "creation": "implicit",
        "schemas": {
            "context": {"type": "object", "properties": {"minutes": {"type": "integer"}}},
            "events": {
                EVENT: {
                    "type": "object",
                    "required": ["minutes"],
                    "properties": {"minutes": {"type": "integer", "minimum": 0}, "desk": {"type": "string"}},
                }
            },
        },
        "initial": STATES[0],
        "states": {
            state: {"on": {EVENT: {"target": target, "keep": ["minutes"]}}} for state, target in following.items()
        },
    }


def entity(number: int) -> str:
    """The id of the entity that the `number`-th event goes to, scattered as in life.

    In any regular order the entries of one commit would share the pages of an index, and all entities would reach the
    version at which a store takes a snapshot in the same second.
    """
    scattered = hashlib.blake2b(number.to_bytes(8, "big"), digest_size=4).digest()
    return name(int.from_bytes(scattered, "big") % ENTITIES)


def name(index: int) -> str:
    """The id of one of the entities."""
    return f"p-{index:05d}"


def event(number: int) -> dict[str, Any]:
    """The body of the `number`-th event, under a command id of its own."""
    return {"event": EVENT, "id": f"c-{number:09d}", "data": {"minutes": number % 90, "desk": f"desk-{number % 7}"}}


def creation(number: int) -> dict[str, Any]:
    """The command that creates the `number`-th entity."""
    return {"type": TYPE, "entity": name(number), "id": f"n-{number:09d}", "event": None, "data": {"minutes": 0}}


def command(number: int) -> dict[str, Any]:
    """The `number`-th event as a line of `POST /commands`."""
    return {"type": TYPE, "entity": entity(number), **event(number)}


def requests(form: Form, first: int, count: int, lines: int, minimal: bool) -> Iterator[bytes]:
    """`count` requests ready for the wire, numbered from `first`; a batch carries `lines` commands."""
    for number in range(first, first + count):
        if form == "echo":
            yield post("/echo", "application/json", msgspec.json.encode(event(number)))
        elif form == "event":
            path = f"/api/v1/entities/{TYPE}/{entity(number)}/transitions"
            yield post(path, "application/json", msgspec.json.encode(event(number)))
        else:
            yield batch([command(n) for n in range(number * lines, (number + 1) * lines)], form, minimal)


def batch(commands: list[dict[str, Any]], form: Form, minimal: bool) -> bytes:
    """One `POST /commands`, as NDJSON or as a JSON array."""
    prefer = "Prefer: return=minimal\r\n" if minimal else ""
    if form == "ndjson":
        body = b"".join(msgspec.json.encode(each) + b"\n" for each in commands)
        return post("/api/v1/commands", "application/x-ndjson", body, prefer)
    return post("/api/v1/commands", "application/json", msgspec.json.encode(commands), prefer)


def post(path: str, content_type: str, body: bytes, more: str = "") -> bytes:
    """An HTTP/1.1 request on a connection that is kept."""
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {content_type}\r\n{more}"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
