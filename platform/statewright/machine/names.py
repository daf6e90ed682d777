"""Which names the language takes: for states, events, fields, and what is reserved."""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable

_STATE_PUNCTUATION = frozenset(" _-:/()")
_EVENT_PUNCTUATION = frozenset(" _-:/().=[]")
RESERVED_EVENTS = ("xstate.", "done.", "error.", "after.", "statewright.")
"""Events that begin like this are the platform's own and refused from outside."""


def fault_of_state_name(name: str) -> str | None:
    """What is wrong with a state's name, as the end of a sentence; None when it is fine."""
    return _fault(name, _STATE_PUNCTUATION, "letters, digits, spaces and _ - : / ( )")


def fault_of_event_name(name: str) -> str | None:
    """What is wrong with an event's name, as the end of a sentence; None when it is fine."""
    if name.startswith(RESERVED_EVENTS):
        return "begins with a prefix that the platform keeps for itself"
    return _fault(name, _EVENT_PUNCTUATION, "letters, digits, spaces and _ - : / ( ) . = [ ]")


def fault_of_descriptor(descriptor: str) -> str | None:
    """What is wrong with a key of `on`: an event's name, `*`, or a prefix such as `order.*`."""
    if descriptor == "*":
        return None
    return fault_of_event_name(descriptor.removesuffix(".*"))


def fault_of_declared_name(name: str) -> str | None:
    """What is wrong with the name of a role, guard, delay or relation; these may hold dots, as XState's do."""
    return _fault(name, _EVENT_PUNCTUATION, "letters, digits, spaces and _ - : / ( ) . = [ ]")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that `name` was probably meant to be, if any is near."""
    found = difflib.get_close_matches(name[:100], list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def _fault(name: str, punctuation: frozenset[str], allowed: str) -> str | None:
    if not 1 <= len(name) <= 100:
        return "is not 1 to 100 characters long"
    if unicodedata.normalize("NFC", name) != name:
        return "is not in Unicode's composed form (NFC)"
    if name != name.strip():
        return "begins or ends with a space"
    if not (name[0] == "_" or name[0].isalpha()):
        return "does not begin with a letter or _"
    for character in name:
        if character not in punctuation and unicodedata.category(character)[0] not in "LMN":
            return f"holds {character!r}; allowed are {allowed}"
    return None
