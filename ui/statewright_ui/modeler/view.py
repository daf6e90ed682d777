"""Where a reader of the modeler is: everything that the address says."""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import asdict, replace

from statewright_ui.needs import AskedFor
from statewright_ui.words import address

TABS = ("chart", "data", "json")
ZOOMS = (25, 33, 50, 67, 80, 100, 125, 150, 200)
"""Steps of the zoom, in percent; 0 is as large as fits."""


class View(Struct, frozen=True):
    """What is selected (a state's path or a transition's key; empty: the definition), which tab is open, what is
    folded, how large the diagram is; `to` is where a transition about to be made leads."""

    type: str
    sel: str = ""
    tab: str = "chart"
    fold: tuple[str, ...] = ()
    zoom: int = 0
    to: str = ""

    def address(self, **changes: Any) -> str:
        """The address of this view with some things changed; `to` is not carried on."""
        now = replace(self, **{"to": "", **changes})
        said = asdict(now)
        said["tab"] = None if now.tab == "chart" else now.tab
        said["zoom"] = now.zoom or None
        said["fold"] = list(now.fold)
        # what is selected comes last, so that the diagram can put it behind what is said here
        order = ("tab", "fold", "zoom", "to", "sel")
        return address("definitions", said["type"], "edit", **{key: said[key] for key in order})

    def folding(self, path: str) -> str:
        """The address with a composite folded, or unfolded where it is."""
        rest = tuple(other for other in self.fold if other != path)
        return self.address(fold=rest if path in self.fold else (*rest, path))

    def zoomed(self, by: int) -> str:
        """The address with the next larger or smaller size."""
        now = self.zoom or 100
        larger = [size for size in ZOOMS if (size > now if by > 0 else size < now)]
        return self.address(zoom=(larger[0] if by > 0 else larger[-1]) if larger else now)

    @property
    def links(self) -> str:
        """What the address of anything in the diagram begins with."""
        bare = self.address(sel="")
        return f"{bare}{'&' if '?' in bare else '?'}sel="


def view_of(request: AskedFor, type: str) -> View:
    """The view that an address asks for; what makes no sense in it is passed over."""
    asked = request.query_params
    zoom = asked.get("zoom", "0")
    tab = asked.get("tab", "")
    return View(
        type,
        str(asked.get("sel", ""))[:1_000],
        tab if tab in TABS else "chart",
        tuple(asked.getall("fold", []))[:200],
        int(zoom) if zoom.isascii() and zoom.isdigit() and 10 <= int(zoom) <= 400 else 0,
        str(asked.get("to", ""))[:1_000],
    )
