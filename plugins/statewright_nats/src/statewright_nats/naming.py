"""Which stream and which subject an entity has: any type and id there are, in letters that NATS takes.

A plain id stands in its subject as it is, `orders.order.42`; any other, with dots, spaces, wildcards, or long, as a
hash of 160 bits behind a tilde, which no plain id begins with. Nothing is read back from a subject.
"""

from __future__ import annotations

import base64
import hashlib
import re
from functools import lru_cache

from statewright.stores.words import Ref

_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_HASH_BYTES = 20


def streams_of(name: str, count: int) -> list[str]:
    """The names of a log's streams, in the order of their partitions."""
    return [name] if count == 1 else [f"{name}-{partition}" for partition in range(count)]


def partition_of(ref: Ref, count: int) -> int:
    """Which of `count` streams has an entity: by a hash that stays for as long as the log does."""
    return 0 if count == 1 else int.from_bytes(_hash(f"{ref.type}\0{ref.id}")[:8], "big") % count


@lru_cache(maxsize=65_536)
def subject_of(stream: str, ref: Ref) -> str:
    """The subject of an entity, its own among all entities of the stream."""
    return f"{stream}.{_token(ref.type)}.{_token(ref.id)}"


def subjects_of(stream: str) -> str:
    """Whatever a stream takes."""
    return f"{stream}.>"


def void_of(stream: str) -> str:
    """Where nothing is recorded: a message there only settles what became of another."""
    return f"{stream}.~"


def bell_of(stream: str) -> str:
    """Where writers say that a stream has grown, outside of what it takes."""
    return f"grown.{stream}"


def _token(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return text
    return f"~{base64.b32encode(_hash(text)).decode()}"


def _hash(text: str) -> bytes:
    # Ids may hold what UTF-8 has no bytes for; they must not collide for it.
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=_HASH_BYTES).digest()
