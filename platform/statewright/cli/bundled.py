"""The definitions that come along, for the demo and as examples: in the wheel, or in the checkout."""

from __future__ import annotations

from pathlib import Path

import statewright

_PACKAGE = Path(statewright.__file__).parent
_PLACES = (_PACKAGE / "definitions", _PACKAGE.parents[1] / "definitions")
"""Where the wheel carries them, and where they lie in a checkout."""


def bundled_definitions() -> list[Path]:
    """The files of the bundled definitions, by name; scenario files and schemas left out."""
    for folder in _PLACES:
        found = sorted(file for file in folder.glob("*.json") if "." not in file.stem)
        if found:
            return found
    raise FileNotFoundError("the definitions that come with Statewright are missing; install it again")
