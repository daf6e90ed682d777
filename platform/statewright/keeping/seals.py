"""Seals: what proves, to whoever trusts the key, that a log is the one that was written.

Of every transition an entry is kept outside the store: its position and the SHA-256 of its bytes as stored. Every few
seconds a seal is written over the entries that are new: each partition's chain, the hash over the chain before and the
entries, the place in the log, the hash of the seal before, and an Ed25519 signature over all of it. So a seal confirms
the whole log up to its place, in its order, and the entries tell which transition is another than it was.

In the folder: `<log>/seals.ndjson`, one seal a line; `<log>/<partition>.entries`, 40 bytes a transition; `<key>.pub`.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec
from msgspec import Struct

from statewright.keeping.keys import BadKey, PublicKey, SealKey
from statewright.machine.moments import Micros
from statewright.stores.words import START, Place, Stored

ENTRY = 40
"""Bytes of an entry: eight for the position, 32 for the hash."""


class Stretch(Struct, frozen=True):
    """What a seal says of one partition: the new entries' first and last position, how many there are by now, and the
    chain over all of them."""

    first: int
    last: int
    count: int
    chain: str


class Seal(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One seal. `place` is the log's when it was made, `previous` the SHA-256 of the line of the seal before."""

    seal: int
    log: str
    place: Place
    at: Micros
    partitions: dict[str, Stretch]
    previous: str
    key: str
    signature: str = ""

    def signed(self) -> bytes:
        """The bytes under the signature."""
        return encode(msgspec.structs.replace(self, signature=""))


class SealsDamaged(Exception):
    """The seals themselves are not what was written; `number` is the first that is not."""

    def __init__(self, number: int, what: str) -> None:
        super().__init__(f"seal {number} {what}")
        self.number = number


encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.Decoder(Seal).decode


def entry_of(stored: Stored) -> bytes:
    """The entry of a transition: its position and the hash of its bytes and its time."""
    digest = hashlib.sha256(stored.recorded_at.to_bytes(8, "big", signed=True))
    digest.update(stored.text)
    return stored.position.to_bytes(8, "big") + digest.digest()


def position_of(entry: bytes | bytearray) -> int:
    """The position in an entry."""
    return int.from_bytes(entry[:8], "big")


def beginning_of(log: str, partition: str) -> bytes:
    """The chain before the first entry: no two logs or partitions share it."""
    return hashlib.sha256(f"statewright seals of {log}, partition {partition}".encode()).digest()


def chained(chain: bytes, entries: bytes) -> bytes:
    """The chain after some more entries."""
    return hashlib.sha256(chain + entries).digest()


class Seals:
    """The seals of one log in a folder, to be read; a folder that is not there holds none."""

    def __init__(self, folder: Path, log: str) -> None:
        self.log = log
        self.keys = folder
        self.folder = folder / log
        self.file = self.folder / "seals.ndjson"

    def __iter__(self) -> Iterator[Seal]:
        """The seals, oldest first, as they stand; a line that broke off is none. Raises SealsDamaged."""
        return (seal for seal, _ in self.lines())

    def lines(self) -> Iterator[tuple[Seal, bytes]]:
        """The seals, each with the line it stands in. Raises SealsDamaged for a line that is none."""
        if not self.file.exists():
            return
        with self.file.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.endswith(b"\n"):
                    return  # it was being written; what it would have sealed is sealed by the next
                try:
                    yield _decode(line), line
                except msgspec.MsgspecError:
                    raise SealsDamaged(number, "cannot be read") from None

    def checked(self, trusted: PublicKey | None = None) -> Iterator[Seal]:
        """The seals, each once its signature, its number and its place behind the one before were found right.

        A signature must be by `trusted` if that is given, else by a key whose public half lies in the folder. Raises
        SealsDamaged for the first that is not right.
        """
        known: dict[str, PublicKey] = {} if trusted is None else {trusted.id: trusted}
        previous = ""
        for number, (seal, line) in enumerate(self.lines(), 1):
            if seal.seal != number or seal.previous != previous or seal.log != self.log:
                raise SealsDamaged(number, "does not follow the one before it")
            if seal.key not in known and trusted is None:
                try:
                    known[seal.key] = PublicKey.read(self.keys / f"{seal.key}.pub")
                except BadKey as error:
                    raise SealsDamaged(number, f"cannot be checked: {error}") from None
            key = known.get(seal.key)
            if key is None or key.id != seal.key:
                raise SealsDamaged(number, "is not signed by the key that is trusted")
            if not key.confirms(_signature_of(seal), seal.signed()):
                raise SealsDamaged(number, "does not bear its key's signature")
            previous = hashlib.sha256(line).hexdigest()
            yield seal

    def entries(self, partition: str) -> Path:
        """Where a partition's entries lie."""
        return self.folder / f"{partition}.entries"

    def read_entries(self, partition: str, first: int, count: int) -> bytes:
        """So many entries of a partition from the `first` on, counted from 0; fewer where there are no more."""
        try:
            with self.entries(partition).open("rb") as file:
                file.seek(first * ENTRY)
                return file.read(count * ENTRY)
        except FileNotFoundError:
            return b""


def _signature_of(seal: Seal) -> bytes:
    try:
        return base64.b64decode(seal.signature, validate=True)
    except ValueError:
        return b""


class SealsInUse(Exception):
    """Another process writes these seals."""

    def __init__(self, folder: Path) -> None:
        super().__init__(f"another process writes seals to {folder}; one log has one that seals it")


class SealWriter:
    """The seals of one log, to be written on. One at a time: raises SealsInUse."""

    def __init__(self, folder: Path, log: str, key: SealKey) -> None:
        self.seals = Seals(folder, log)
        self._key = key
        self.seals.folder.mkdir(parents=True, exist_ok=True)
        self._lock = (self.seals.folder / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._lock.close()
            raise SealsInUse(self.seals.folder) from None
        self._publish()
        self.last: Seal | None = None
        self.before_last: Place = START
        self.stretches_before: dict[str, Stretch] = {}
        self.stretches: dict[str, Stretch] = {}
        self._previous = ""
        self._file = self._opened()
        self._entries: dict[str, BinaryIO] = {}

    def _publish(self) -> None:
        public = self.seals.keys / f"{self._key.id}.pub"
        if not public.exists():
            public.write_bytes(self._key.public.pem)

    def _opened(self) -> BinaryIO:
        """The file of seals, without a line that broke off when the process before this one ended."""
        whole = 0
        for seal, line in self.seals.lines():
            whole += len(line)
            self._know(seal, line)
        file = self.seals.file.open("ab")
        file.truncate(whole)
        _sync_folder(self.seals.folder)
        return file

    @property
    def place(self) -> Place:
        """Up to where the log is sealed."""
        return self.last.place if self.last is not None else START

    def chain_of(self, partition: str, before: bool = False) -> bytes:
        """A partition's chain so far; `before` the last seal."""
        stretch = (self.stretches_before if before else self.stretches).get(partition)
        return bytes.fromhex(stretch.chain) if stretch else beginning_of(self.seals.log, partition)

    def write(self, stored: Sequence[Stored], place: Place, now: Micros) -> Seal:
        """Seal what comes next in the log, up to `place`. Durable when it returns: entries first, then the seal."""
        parts: dict[str, bytearray] = {}
        for one in stored:
            parts.setdefault(str(one.partition), bytearray()).extend(entry_of(one))
        stretches: dict[str, Stretch] = {}
        for partition, entries in parts.items():
            known = self.stretches.get(partition)
            count = known.count if known else 0
            self._append_entries(partition, count, entries)
            chain = chained(self.chain_of(partition), bytes(entries)).hex()
            first, last = position_of(entries[:ENTRY]), position_of(entries[-ENTRY:])
            stretches[partition] = Stretch(first, last, count + len(entries) // ENTRY, chain)
        number = self.last.seal + 1 if self.last else 1
        seal = Seal(
            seal=number,
            log=self.seals.log,
            place=place,
            at=now,
            partitions=stretches,
            previous=self._previous,
            key=self._key.id,
        )
        signature = base64.b64encode(self._key.sign(seal.signed())).decode()
        seal = msgspec.structs.replace(seal, signature=signature)
        line = encode(seal) + b"\n"
        self._file.write(line)
        _sync(self._file)
        self._know(seal, line)
        return seal

    def _know(self, seal: Seal, line: bytes) -> None:
        self.before_last, self.last = self.place, seal
        self.stretches_before = dict(self.stretches)
        self.stretches.update(seal.partitions)
        self._previous = hashlib.sha256(line).hexdigest()

    def _append_entries(self, partition: str, count: int, entries: bytes | bytearray) -> None:
        file = self._entries.get(partition)
        if file is None:
            path = self.seals.entries(partition)
            path.touch()
            file = self._entries[partition] = path.open("r+b")
        # What a process wrote that ended before its seal was written is written over.
        file.seek(count * ENTRY)
        file.truncate()
        file.write(entries)
        _sync(file)

    def close(self) -> None:
        """Let go of the files."""
        for file in self._entries.values():
            file.close()
        self._file.close()
        self._lock.close()


def _sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
