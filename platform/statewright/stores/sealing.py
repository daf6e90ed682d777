"""Personal values, kept apart in what is stored: here they part from the rest, are encrypted, and come together again.

`SealedStore` stands in front of any store. Below it each personal value is a text of ours, `sw1.<since>.<box>`: the
version from which on the entity used the key, and nonce and ciphertext of AES-256-GCM (NIST SP 800-38D), which also
binds it to its entity and field. So nothing else has to know: stores, views, backups and exports carry the texts as
they are, and who holds no key reads nothing. Destroying an entity's keys erases what they encrypted, wherever it was
copied to.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from statewright.machine.record import Head, Record
from statewright.stores.words import (
    Append,
    Batch,
    Conflict,
    Duplicate,
    EventStore,
    Limits,
    LogDamaged,
    Outcome,
    Place,
    Recorded,
    Ref,
    Skims,
    Spreads,
    Step,
    StoreUnavailable,
)

T = TypeVar("T")
_MARK = "sw1."
_NONCE_BYTES = 12
_NO_CIPHER = AESGCM(bytes(32))
"""Stands in the place of a key that is yet to be made; nothing is encrypted with it."""


class SealBroken(LogDamaged):
    """A personal value cannot be decrypted with the key it names: it was changed, or moved to another place."""


class KeysUnavailable(Exception):
    """The keys of personal values cannot be had just now, so that nothing is known of those values either."""


class Key(NamedTuple):
    """One key of an entity. `since` is the version of the entity that first used it, and its number."""

    since: int
    cipher: AESGCM


class Keys(Protocol):
    """Where the keys of entities are kept: by `app` handed to who encrypts and decrypts. Raises KeysUnavailable."""

    async def of(self, refs: Collection[Ref]) -> Mapping[Ref, Sequence[Key]]:
        """The keys of entities, those that were destroyed left out."""
        ...

    def known(self, refs: Collection[Ref]) -> Mapping[Ref, Sequence[Key]]:
        """As `of`, for a thread."""
        ...

    async def make(self, wanted: Sequence[tuple[Ref, int]]) -> Sequence[Key]:
        """A key for each entity, to be used from the version given on; durable before it is returned."""
        ...

    async def destroy(self, ref: Ref, before: int) -> None:
        """Destroy the keys that an entity began to use before a version; for good when it returns."""
        ...


def apart(fields: Mapping[str, Any], personal: Collection[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """`fields` as two: those that anyone who reads the log may see, and the personal ones."""
    plain = {name: value for name, value in fields.items() if name not in personal}
    sealed = {name: value for name, value in fields.items() if name in personal}
    return plain, sealed


def sealed(ref: Ref, fields: Mapping[str, Any], key: Key) -> dict[str, Any]:
    """The texts of personal values, by field."""
    return {name: _sealed(ref, name, value, key) for name, value in fields.items()}


def opened(ref: Ref, fields: Mapping[str, Any], keys: Sequence[Key]) -> dict[str, Any]:
    """The values of such texts, by field; without those whose key was destroyed.

    A value that is none of our texts was recorded while nothing was encrypted, and stays as it is.
    """
    found: dict[str, Any] = {}
    for name, value in fields.items():
        if not is_sealed(value):
            found[name] = value
            continue
        since, _, box = value[len(_MARK) :].partition(".")
        for key in keys:
            if str(key.since) == since:
                found[name] = _opened(ref, name, box, key)
    return found


def is_sealed(value: Any) -> bool:
    """Whether a stored value is one of our texts."""
    return isinstance(value, str) and value.startswith(_MARK)


def _sealed(ref: Ref, name: str, value: Any, key: Key) -> str:
    nonce = os.urandom(_NONCE_BYTES)
    box = key.cipher.encrypt(nonce, msgspec.json.encode(value), _bound_to(ref, name))
    return f"{_MARK}{key.since}.{base64.urlsafe_b64encode(nonce + box).decode()}"


def _opened(ref: Ref, name: str, box: str, key: Key) -> Any:
    try:
        raw = base64.urlsafe_b64decode(box)
        return msgspec.json.decode(key.cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _bound_to(ref, name)))
    except (InvalidTag, ValueError) as error:
        said = f"the personal field {name!r} of {ref.type}/{ref.id} was changed where it is stored"
        raise SealBroken(0, said) from error


def _bound_to(ref: Ref, name: str) -> bytes:
    return msgspec.json.encode((ref.type, ref.id, name))


class SealedStore:
    """A store whose personal values are encrypted in the one below it; an EventStore itself, with the same promises.

    What an entity's transition `erased` took away is erased with it: once that transition is durable, so is the end of
    every key that the entity used before.
    """

    def __init__(self, below: EventStore, keys: Keys) -> None:
        self.below = below
        self._keys = keys

    @property
    def log_id(self) -> str:
        """The id of the log below."""
        return self.below.log_id

    @property
    def limits(self) -> Limits:
        """What the store below holds to."""
        return self.below.limits

    async def append(self, group: Sequence[Append]) -> Sequence[Outcome]:
        """Record the group with its personal values encrypted, then destroy the keys of who is erased by it.

        A key that is new is durable before the group. Where no key can be had nothing is recorded: StoreUnavailable.
        """
        if not any(_is_personal(step) for append in group for step in append.steps):
            return [await self._outcome(outcome) for outcome in await self.below.append(group)]
        try:
            below = await self._encrypted(group)
        except KeysUnavailable as error:
            raise StoreUnavailable(str(error)) from error
        outcomes = await self.below.append(below)
        answers: list[Outcome] = []
        for append, stored, outcome in zip(group, below, outcomes, strict=True):
            if type(outcome) is Recorded:
                for step, inner in zip(append.steps, stored.steps, strict=True):
                    if inner is not step:
                        _take_over(step, inner)
                await self._erase(append)
                answers.append(Recorded([step.record for step in append.steps]))
            else:
                answers.append(await self._outcome(outcome))
        return answers

    async def _encrypted(self, group: Sequence[Append]) -> list[Append]:
        """The group as it is to be stored."""
        steps = [step for append in group for step in append.steps if _is_personal(step)]
        keys = dict(await self._keys.of({_ref_of(step.record) for step in steps}))
        wanted: list[tuple[Ref, int]] = []
        for step in steps:
            ref = _ref_of(step.record)
            if _encrypts(step) and _usable(keys.get(ref, ()), step) is None:
                wanted.append((ref, step.record.version))
                keys[ref] = [*keys.get(ref, ()), Key(step.record.version, _NO_CIPHER)]
        if wanted:
            for (ref, since), made in zip(wanted, await self._keys.make(wanted), strict=True):
                keys[ref] = [key if key.since != since else made for key in keys[ref]]
        return [
            Append(
                append.command,
                append.digest,
                append.now,
                [self._stored(step, keys) if _encrypts(step) else step for step in append.steps],
            )
            for append in group
        ]

    def _stored(self, step: Step, keys: Mapping[Ref, Sequence[Key]]) -> Step:
        record, after = step.record, step.after
        ref = _ref_of(record)
        key = _usable(keys.get(ref, ()), step)
        assert key is not None
        parts = {part: sealed(ref, fields, key) for part, fields in record.sealed.items()}
        plain, personal = apart(after.data, after.personal)
        return Step(
            msgspec.structs.replace(record, sealed=parts),
            step.before,
            msgspec.structs.replace(after, data={**plain, **sealed(ref, personal, key)}),
        )

    async def _erase(self, append: Append) -> None:
        for step in append.steps:
            if step.record.kind == "erased":
                try:
                    await self._keys.destroy(_ref_of(step.record), step.record.version)
                except KeysUnavailable:
                    pass  # what was begun stays noted with the keys, and is finished when they can be had

    async def _outcome(self, outcome: Outcome) -> Outcome:
        if type(outcome) is Duplicate:
            return Duplicate(await self._records(outcome.records))
        if type(outcome) is Conflict and outcome.head is not None and outcome.head.personal:
            return Conflict(outcome.ref, (await self._heads([outcome.ref], [outcome.head]))[0])
        return outcome

    async def adopt(self, records: Sequence[Record]) -> None:
        """As the store below: what another log recorded is taken over with its personal values as they are there."""
        await self.below.adopt(records)

    async def heads(self, refs: Sequence[Ref]) -> Sequence[Head | None]:
        """The heads with their personal values, as far as there are keys for them."""
        return await self._heads(refs, await self.below.heads(refs))

    async def _heads(self, refs: Sequence[Ref], heads: Sequence[Head | None]) -> Sequence[Head | None]:
        personal = {ref for ref, head in zip(refs, heads, strict=True) if head is not None and head.personal}
        if not personal:
            return heads
        keys = await self._keys_of(personal)
        return [
            opened_head(ref, head, keys.get(ref, ())) if head is not None and head.personal else head
            for ref, head in zip(refs, heads, strict=True)
        ]

    async def read_entity(self, ref: Ref, after_version: int = 0, limit: int | None = None) -> Sequence[Record]:
        """One entity's transitions, with their personal values as far as there are keys for them."""
        return await self._records(await self.below.read_entity(ref, after_version, limit))

    async def read(self, after: Place, limit: int) -> Batch:
        """Transitions of the log, with their personal values as far as there are keys for them."""
        batch = await self.below.read(after, limit)
        return Batch(await self._records(batch.records), batch.place)

    async def find_command(self, ref: Ref, command: str) -> Sequence[Record]:
        """What a command made, with its personal values as far as there are keys for them."""
        return await self._records(await self.below.find_command(ref, command))

    async def _records(self, records: Sequence[Record]) -> Sequence[Record]:
        personal = {_ref_of(record) for record in records if record.sealed}
        if not personal:
            return records
        keys = await self._keys_of(personal)
        return [opened_record(record, keys) if record.sealed else record for record in records]

    async def _keys_of(self, refs: Collection[Ref]) -> Mapping[Ref, Sequence[Key]]:
        try:
            return await self._keys.of(refs)
        except KeysUnavailable as error:
            raise StoreUnavailable(str(error)) from error

    async def late_commands(self, asked: Sequence[tuple[Ref, str]]) -> Collection[tuple[Ref, str]]:
        """As the store below."""
        return await self.below.late_commands(asked)

    async def latest_place(self) -> Place:
        """As the store below."""
        return await self.below.latest_place()

    async def wait(self, place: Place, timeout_s: float) -> bool:
        """As the store below."""
        return await self.below.wait(place, timeout_s)

    def compare_places(self, one: Place, other: Place) -> int:
        """As the store below."""
        return self.below.compare_places(one, other)

    async def close(self) -> None:
        """Close the store below."""
        await self.below.close()


class SkimmedSealedStore(SealedStore):
    """The same in front of a store that can be skimmed."""

    def __init__(self, below: EventStore, keys: Keys) -> None:
        super().__init__(below, keys)
        assert isinstance(below, Skims)
        self._skimmed = below

    async def skim(
        self,
        after: Place,
        limit: int,
        shape: type[T],
        kind: str,
        take: Callable[[Iterator[T]], None],
        part: tuple[int, int] = (0, 1),
    ) -> Place:
        """As the store below, with personal values as far as there are keys for them."""

        def opening(items: Iterator[T]) -> None:
            take(map(read, items))

        def read(item: Any) -> Any:
            if item.sealed:
                ref = Ref(kind, item.entity)
                keys = self._keys.known([ref])[ref]
                item.sealed = {name: opened(ref, fields, keys) for name, fields in item.sealed.items()}
            return item

        shown = opening if "sealed" in shape.__annotations__ else take
        return await self._skimmed.skim(after, limit, shape, kind, shown, part)


class SpreadSealedStore(SealedStore):
    """The same in front of a store whose log is in several partitions."""

    def __init__(self, below: EventStore, keys: Keys) -> None:
        super().__init__(below, keys)
        assert isinstance(below, Spreads)
        self._spread = below

    def partition_of(self, ref: Ref) -> int:
        """As the store below."""
        return self._spread.partition_of(ref)

    def place_of(self, record: Record) -> Place:
        """As the store below."""
        return self._spread.place_of(record)


def sealing(below: EventStore, keys: Keys) -> SealedStore:
    """A store in front of the one below, that can do what that one can."""
    if isinstance(below, Spreads):
        return SpreadSealedStore(below, keys)
    return (SkimmedSealedStore if isinstance(below, Skims) else SealedStore)(below, keys)


def opened_record(record: Record, keys: Mapping[Ref, Sequence[Key]]) -> Record:
    """A stored record with its personal values. Raises SealBroken, which says where it stands."""
    ref = _ref_of(record)
    try:
        parts = {part: opened(ref, fields, keys.get(ref, ())) for part, fields in record.sealed.items()}
    except SealBroken as broken:
        raise SealBroken(record.position, broken.what) from broken
    return msgspec.structs.replace(record, sealed={part: fields for part, fields in parts.items() if fields})


def opened_head(ref: Ref, head: Head, keys: Sequence[Key]) -> Head:
    """A stored head with its personal values."""
    plain, texts = apart(head.data, head.personal)
    values = opened(ref, texts, keys)
    personal = tuple(field for field in head.personal if field in values)
    return msgspec.structs.replace(head, data={**plain, **values}, personal=personal)


def _ref_of(record: Record) -> Ref:
    return Ref(record.type, record.entity)


def _is_personal(step: Step) -> bool:
    return bool(step.record.sealed or step.after.personal) or step.record.kind == "erased"


def _encrypts(step: Step) -> bool:
    return bool(step.record.sealed or step.after.personal)


def _usable(keys: Sequence[Key], step: Step) -> Key | None:
    """The latest key of the entity, if it is not one that an erasure before this step has ended."""
    usable = [key for key in keys if step.after.erased < key.since <= step.record.version]
    return usable[-1] if usable else None


def _take_over(step: Step, stored: Step) -> None:
    """What the store filled in, put down where the caller looks for it."""
    for name in Record.__struct_fields__:
        if name != "sealed":
            setattr(step.record, name, getattr(stored.record, name))
    for name in Head.__struct_fields__:
        if name != "data":
            setattr(step.after, name, getattr(stored.after, name))
