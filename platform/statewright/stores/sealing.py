"""Personal values, kept apart in what is stored: here they part from the rest and come together again.

They are not encrypted yet, which is why a definition that has such fields needs `--allow-unprotected-personal-data`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any


def apart(fields: Mapping[str, Any], personal: Collection[str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """`fields` as two: those that anyone who reads the log may see, and the personal ones."""
    plain = {name: value for name, value in fields.items() if name not in personal}
    sealed = {name: value for name, value in fields.items() if name in personal}
    return plain, sealed
