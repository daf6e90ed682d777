"""Elements of SVG as text, with everything that users wrote escaped on the way in."""

from __future__ import annotations

import re
from functools import lru_cache
from html import escape

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_PLAIN = re.compile(r"[ !#-%(-;=?-~]*").fullmatch
"""Printable ASCII without the five characters that markup has another use for."""


def tag(name: str, *inside: str, **attributes: str | float | None) -> str:
    """An element. `class_` means class, `data_state` data-state; None is left out. `inside` is markup already."""
    written = "".join(
        f' {_name(key)}="{escaped(value) if isinstance(value, str) else number(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return f"<{name}{written}>{''.join(inside)}</{name}>" if inside else f"<{name}{written}/>"


@lru_cache(maxsize=256)
def _name(key: str) -> str:
    return key if key in {"viewBox", "textLength", "lengthAdjust"} else key.rstrip("_").replace("_", "-")


def number(value: float) -> str:
    """A length with at most one decimal."""
    return f"{value:.1f}".removesuffix(".0")


def escaped(text: str) -> str:
    """Text for markup. Characters that XML cannot hold become the replacement character."""
    if _PLAIN(text):  # nearly all of a picture is, and a look takes a third of what escaping does
        return text
    return escape(_NOT_XML.sub("\ufffd", text), quote=True)
