"""A diagram as PNG: the SVG that stands alone, rasterised with the fonts that come along.

Rasterised by resvg, which knows no media queries and has no fonts of its own: the picture must be in one theme, and is
lettered in Inter. Other scripts are lettered with the fonts of this machine; where it has none for them, not at all.
"""

from __future__ import annotations

import math
import re
from importlib.resources import as_file, files
from pathlib import Path

import resvg_py

from statewright.diagram.paint import Theme

GROUND = {"light": "#ffffff", "dark": "#131519"}
PIXELS = 24_000_000
"""How many pixels a picture has at most, at four bytes each while it is made; a larger one is drawn smaller."""
_SIZE = re.compile(r'<svg[^>]*? width="([0-9.]+)" height="([0-9.]+)"')
_OURS = re.compile(
    "[\\x00-\\u02ff\\u0304\\u0308\\u0329\\u1e00-\\u1e9f\\u1ef2-\\u1eff\\u2000-\\u206f\\u20a0-\\u20c0\\u2113"
    "\\u2122\\u2190-\\u2193\\u2212\\u2215]*"
)
"""The characters that our own font has."""


class TooLarge(Exception):
    """The picture has no size at which it could be drawn."""


def png_of(svg: str, theme: Theme, scale: float = 2.0) -> bytes:
    """The PNG of a picture that stands alone, `scale` pixels to one of its own, or fewer where it is very large.

    A tenth of a second for a picture of thirty states: not for the server's loop.
    """
    found = _SIZE.search(svg)
    if found is None:
        raise TooLarge("the picture does not say how large it is")
    width, height = float(found[1]), float(found[2])
    zoom = min(scale, math.sqrt(PIXELS / (width * height)))
    with as_file(files(__package__).joinpath("fonts")) as folder:
        return bytes(
            resvg_py.svg_to_bytes(
                svg_string=svg,
                background=GROUND["dark" if theme == "dark" else "light"],
                skip_system_fonts=_OURS.fullmatch(svg) is not None,
                zoom=zoom,
                font_files=_fonts(folder),
                font_family="Inter",
                sans_serif_family="Inter",
            )
        )


def _fonts(folder: Path) -> list[str]:
    return [str(file) for file in sorted(folder.glob("*.ttf"))]
