"""Names and durations of other tools made into ones that our language takes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from fractions import Fraction

from statewright.machine.names import RESERVED_EVENTS, fault_of_declared_name, fault_of_event_name, fault_of_state_name

_DURATION = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")
_MS = (604_800_000, 86_400_000, 3_600_000, 60_000, 1_000)
_CSS_TIME = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+))\s*(ms|s|m|min|h|d)?\s*", re.I)
_CSS_MS = {"ms": 1, "s": 1_000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_CODE = re.compile(r"=>|^\s*(?:async\s+)?function\b|[;{}]|\w\s*\(.*\)", re.S)
_NAME_LENGTH = 100


def type_name(old: str) -> str:
    """The name of an entity type nearest to `old`: lower case, digits and `_`, 63 characters at most."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", old)
    plain = unicodedata.normalize("NFKD", parted).encode("ascii", "ignore").decode().lower()
    name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")
    if not name[:1].isalpha():
        name = f"machine_{name}".rstrip("_")
    return name[:63].rstrip("_")


class Names:
    """The names given in one place, so that no two are alike; linear however many wish for the same."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)
        self._next: dict[str, int] = {}

    def take(self, wanted: str) -> str:
        """`wanted`, or it with the first number that makes it one of its kind."""
        name, number = wanted, self._next.get(wanted, 2)
        while name in self._taken:
            ending = f"_{number}"
            name, number = wanted[: _NAME_LENGTH - len(ending)] + ending, number + 1
        self._next[wanted] = number
        self._taken.add(name)
        return name


def state_name(old: str) -> str:
    """The name of a state nearest to `old` that the language takes."""
    return old if fault_of_state_name(old) is None else _mended(old, "", fault_of_state_name)


def event_name(old: str) -> str:
    """The name of an event nearest to `old`; one with a prefix that is ours gets an underscore before it."""
    if fault_of_event_name(old) is None:
        return old
    return _mended(f"_{old}" if old.startswith(RESERVED_EVENTS) else old, ".=[]", fault_of_event_name)


def declared_name(old: str) -> str:
    """The name of a guard or a delay nearest to `old`."""
    return old if fault_of_declared_name(old) is None else _mended(old, ".=[]", fault_of_declared_name)


def is_code(text: str) -> bool:
    """Whether a text is a piece of a program, where a name was to be expected."""
    return _CODE.search(text) is not None


def _mended(old: str, kept: str, fault_of: Callable[[str], str | None]) -> str:
    composed = unicodedata.normalize("NFC", old)
    allowed = "".join(sign if sign in f" _-:/(){kept}" or unicodedata.category(sign)[0] in "LMN" else "_"
                      for sign in composed)  # fmt: skip
    name = allowed.strip()[:_NAME_LENGTH].strip()
    if not name or not (name[0] == "_" or name[0].isalpha()):
        name = f"_{name}"[:_NAME_LENGTH].strip()
    return name if fault_of(name) is None else "_unnamed"


def iso_of_ms(milliseconds: int | float | Fraction) -> str:
    """Milliseconds as an ISO 8601 duration in the greatest units that leave no rest: 1209600000 is P14D."""
    rest = Fraction(milliseconds)
    days, rest = divmod(rest, _MS[1])
    hours, rest = divmod(rest, _MS[2])
    minutes, rest = divmod(rest, _MS[3])
    seconds = f"{float(rest / 1000):.9f}".rstrip("0").rstrip(".")
    time = "".join(f"{amount}{unit}" for amount, unit in ((hours, "H"), (minutes, "M"), (seconds, "S"))
                   if amount not in (0, "0"))  # fmt: skip
    date = f"{days}D" if days else ""
    return f"P{date}{'T' + time if time else ''}" if date or time else "PT0S"


def ms_of_iso(duration: str) -> int | float | None:
    """An ISO 8601 duration of weeks, days, hours, minutes and seconds in milliseconds; None if it is none."""
    found = _DURATION.fullmatch(duration)
    if found is None or not any(found.groups()) or duration.endswith("T"):
        return None
    total = sum(Fraction(amount) * each for amount, each in zip(found.groups(), _MS, strict=True) if amount)
    return int(total) if total == int(total) else float(total)


def iso_of_words(delay: str) -> str | None:
    """A delay as other tools write it (`1s`, `.5s`, `250ms`, `2h`, an ISO duration) in ISO 8601; None if it is none."""
    if ms_of_iso(delay) is not None:
        return delay
    found = _CSS_TIME.fullmatch(delay[:40])
    if found is None:
        return None
    return iso_of_ms(max(Fraction(0), Fraction(found.group(1)) * _CSS_MS[(found.group(2) or "ms").lower()]))
