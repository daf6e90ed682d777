"""Makes the font files beside this one, which pictures as PNG are lettered with, from the variable fonts of the pages.

Run by hand, with `pip install 'fonttools[woff]'`, when those are renewed: what rasterises knows neither WOFF2 nor axes.
"""

from __future__ import annotations

from pathlib import Path

from fontTools.ttLib import TTFont
from fontTools.varLib.instancer import instantiateVariableFont

HERE = Path(__file__).parent
FROM = HERE.parents[3] / "ui" / "statewright_ui" / "static" / "vendor"
WEIGHTS = {"inter.woff2": (400, 500, 600), "inter-ext.woff2": (500, 600)}
_FAMILY, _TYPOGRAPHIC_FAMILY = 1, 16


def main() -> None:
    """One static file for each weight that diagrams are lettered in."""
    for name, weights in WEIGHTS.items():
        for weight in weights:
            font = instantiateVariableFont(TTFont(FROM / name), {"wght": weight})
            for record in font["name"].names:
                if record.nameID in (_FAMILY, _TYPOGRAPHIC_FAMILY):
                    record.string = "Inter"
            font["OS/2"].usWeightClass = weight
            font.flavor = None
            for table in ("GPOS", "GSUB", "STAT", "HVAR", "GDEF", "DSIG"):
                if table in font:
                    del font[table]  # texts are held to the width they were measured with, so kerning is not missed
            font.save(HERE / f"{name.removesuffix('.woff2')}-{weight}.ttf")


if __name__ == "__main__":
    main()
