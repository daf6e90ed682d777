"""Which moment of an entity's life a page shows, and with which other it is compared: all of it is in the address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from statewright.commands import Asking
from statewright.machine.moments import micros_of
from statewright.machine.record import Head
from statewright.stores.words import Ref
from statewright_ui.shell.errors import Nowhere
from statewright_ui.words import address

Basis = Literal["occurred", "recorded"]
_LONGEST = 40


class Sight(Struct, frozen=True, kw_only=True):
    """What is looked at. `at` and `with_` are as the address has them: a version, a moment, or empty for the newest.

    `version` is the one looked at, `other` the one that it is compared with; `newest` is the latest there is.
    """

    ref: Ref
    newest: int
    version: int
    other: int | None = None
    at: str = ""
    with_: str = ""
    basis: Basis = "occurred"
    scale: str = "folded"
    before: str = ""

    @property
    def past(self) -> bool:
        """Whether the entity has moved on since."""
        return self.version < self.newest

    @property
    def span(self) -> tuple[int, int] | None:
        """The two versions that are compared, the earlier first."""
        return None if self.other is None else (min(self.version, self.other), max(self.version, self.other))

    @property
    def latest(self) -> int:
        """The later of the versions that are looked at."""
        return max(self.version, self.other or 0)

    @property
    def home(self) -> str:
        """The page without any of it."""
        return address("entities", *self.ref)

    def to(self, **changes: Any) -> str:
        """The address of this page with some of it changed; None or an empty text takes a part away."""
        other = replace(self, **{name: "" if value is None else str(value) for name, value in changes.items()})
        query = {
            "at": other.at,
            "with": other.with_,
            "basis": other.basis if other.basis != "occurred" else "",
            "scale": other.scale if other.scale != "folded" else "",
            "before": other.before,
        }
        return address("entities", *self.ref, **query)


async def sight_of(asking: Asking, ref: Ref, head: Head, query: Mapping[str, str]) -> Sight:
    """What the query of an address asks to see. Raises Nowhere for a version or a moment that is not there."""
    at, other = query.get("at", "").strip(), query.get("with", "").strip()
    basis: Basis = "recorded" if query.get("basis") == "recorded" else "occurred"
    version = await _version(asking, ref, head, at, basis) if at else head.version
    return Sight(
        ref=ref,
        newest=head.version,
        version=version,
        other=await _version(asking, ref, head, other, basis) if other else None,
        at=at,
        with_=other,
        basis=basis,
        scale="linear" if query.get("scale") == "linear" else "folded",
        before=query.get("before", ""),
    )


async def _version(asking: Asking, ref: Ref, head: Head, asked: str, basis: Basis) -> int:
    if asked.isascii() and asked.isdigit():
        version = int(asked[:16])
        if not 1 <= version <= head.version:
            raise Nowhere("No such version", f"{ref.type} {ref.id} has the versions 1 to {head.version}.")
        return version
    try:
        moment = micros_of(asked)
    except ValueError:
        shown = asked[:_LONGEST]
        sentence = f"{shown!r} is neither a version, such as 3, nor a moment, such as 2026-11-23T11:30:00Z."
        raise Nowhere("This address cannot be followed", sentence) from None
    then = await asking.head_as_of(ref, at=moment, basis=basis)
    if then is None:
        raise Nowhere("It was not there yet", f"{ref.type} {ref.id} did not exist at {asked[:_LONGEST]}.")
    return then.version
