"""Master keys: what wraps the keys of entities, so that whoever has those alone has nothing.

A file holds one key a line, 32 bytes as base64; the first wraps what is new, the others unwrap what is old. To change
the master key put a new one on top, run `statewright keys rewrap`, and take the old one away.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_BYTES = 32
_NONCE_BYTES = 12


class BadMasterKey(ValueError):
    """What was given is no master key, or not the one that wrapped a key; the sentence says what to do."""


class MasterKeys:
    """The master keys that an installation was given, by a name that tells nothing of them."""

    def __init__(self, keys: Iterable[bytes]) -> None:
        """Raises BadMasterKey when there is none, or one that is not 32 bytes long."""
        self._ciphers: dict[str, AESGCM] = {}
        for key in keys:
            if len(key) != _BYTES:
                raise BadMasterKey(
                    f"a master key has {_BYTES} bytes, this one {len(key)}; `statewright keys new` makes one"
                )
            self._ciphers.setdefault(_name_of(key), AESGCM(key))
        if not self._ciphers:
            raise BadMasterKey("there is no master key here; `statewright keys new` makes one")
        self.current = next(iter(self._ciphers))

    @classmethod
    def of(cls, text: str) -> MasterKeys:
        """The keys written in `text`, one a line. Raises BadMasterKey."""
        lines = [line.strip() for line in text.splitlines()]
        return cls([_decoded(line) for line in lines if line and not line.startswith("#")])

    @property
    def names(self) -> frozenset[str]:
        """The names of all keys that were given."""
        return frozenset(self._ciphers)

    def wrap(self, key: bytes, bound_to: bytes) -> bytes:
        """A key of an entity under the current master key; `bound_to` says whose it is."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._ciphers[self.current].encrypt(nonce, key, bound_to)

    def unwrap(self, name: str, wrapped: bytes, bound_to: bytes) -> bytes:
        """The key of an entity that was wrapped by the master key `name`. Raises BadMasterKey."""
        cipher = self._ciphers.get(name)
        if cipher is None:
            raise BadMasterKey(f"the master key {name} is needed, and it is not among those given")
        try:
            return cipher.decrypt(wrapped[:_NONCE_BYTES], wrapped[_NONCE_BYTES:], bound_to)
        except InvalidTag:
            raise BadMasterKey(
                "a key of an entity was changed where it is stored; restore the keys' database"
            ) from None


def new_master_key() -> str:
    """A master key, made of the system's random numbers, as a line of such a file."""
    return base64.b64encode(os.urandom(_BYTES)).decode()


def _decoded(line: str) -> bytes:
    try:
        return base64.b64decode(line, validate=True)
    except ValueError:
        raise BadMasterKey("a master key is written as base64; `statewright keys new` makes one") from None


def _name_of(key: bytes) -> str:
    return hashlib.sha256(b"statewright master key\0" + key).hexdigest()[:8]
