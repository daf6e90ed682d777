"""The diagram of a definition as SVG: `svg_of` for the server's loop, `svg_now` for everyone else.

Layouts are made one after another in a thread of their own, by Graphviz in a process of its own, and the last few
hundred are kept: painting one again takes a millisecond.
"""

from __future__ import annotations

import asyncio
import atexit
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from statewright.diagram.graphviz_process import GraphvizProcess, LayoutFailed
from statewright.diagram.layout import VERSION, Direction, Layout, graph_of, layout_from
from statewright.diagram.marks import Marks, Walk
from statewright.diagram.paint import Setting, Theme, paint
from statewright.diagram.plain import plain_layout
from statewright.diagram.shapes import Shapes, shapes_of
from statewright.machine.chart import Chart, chart_of, folded
from statewright.machine.definition import Definition
from statewright.machine.record import Leaves

WINDOW = (1080.0, 900.0)
"""The width and height, in pixels, that a diagram may take without shrinking; decides between across and down. Higher
than a screen, because a page scrolls down with ease and text too small to read helps nobody."""

WORTH_TURNING = 1.15
"""How much larger a diagram must be seen downwards to be drawn so: people read across, and pages are wide."""

MANY_PILLS = 150
"""Above this, painting takes more than some ten milliseconds and leaves the server's loop to others."""


class _Laid(NamedTuple):
    shapes: Shapes
    layout: Layout
    good_until: float = math.inf
    """On the monotonic clock, in seconds. A plain list made in need is tried again: the machine may have been busy."""


class Diagrams:
    """Draws definitions and keeps the layouts it made. Safe to be used from any thread.

    `limit_s` is what one layout may take before a plain list is drawn instead, `keep` how many layouts are kept, and
    `again_s` how long such a list is kept.
    """

    def __init__(
        self, limit_s: float = 5.0, keep: int = 128, again_s: float = 300.0, process: GraphvizProcess | None = None
    ) -> None:
        self._again_s = again_s
        self._process = process or GraphvizProcess(limit_s)
        self._keep = keep
        self._kept: OrderedDict[tuple[str, tuple[float, float], int], _Laid] = OrderedDict()
        self._lock = threading.Lock()
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="diagram")

    async def svg(
        self,
        definition: Definition | Chart,
        digest: str,
        marks: Marks,
        setting: Setting,
        window: tuple[float, float],
        closed: frozenset[str] = frozenset(),
    ) -> str:
        """The SVG of a definition. `digest` names it in the cache; without one nothing is kept."""
        laid = self._known(_named(digest, closed), window)
        if laid is None:
            laid = await asyncio.wrap_future(self._order(definition, digest, window, closed))
        if len(laid.shapes.pills) > MANY_PILLS:
            return await asyncio.to_thread(paint, laid.shapes, laid.layout, marks, setting)
        return paint(laid.shapes, laid.layout, marks, setting)

    def svg_now(
        self, definition: Definition | Chart, digest: str, marks: Marks, setting: Setting, window: tuple[float, float]
    ) -> str:
        """The same for callers without a loop; waits for the layout."""
        laid = self._known(digest, window) or self._order(definition, digest, window).result()
        return paint(laid.shapes, laid.layout, marks, setting)

    def start(self) -> None:
        """Have Graphviz ready before the first diagram is asked for."""
        self._thread.submit(self._process.start)

    def close(self) -> None:
        """Drop the layouts that wait, finish the one under way, and end Graphviz's process."""
        self._thread.shutdown(cancel_futures=True)
        self._process.close()

    def _order(
        self,
        definition: Definition | Chart,
        digest: str,
        window: tuple[float, float],
        closed: frozenset[str] = frozenset(),
    ) -> Future[_Laid]:
        return self._thread.submit(self._lay_out, definition, _named(digest, closed), window, closed)

    def _known(self, digest: str, window: tuple[float, float]) -> _Laid | None:
        with self._lock:
            key = (digest, window, VERSION)
            found = self._kept.get(key)
            if found is None or found.good_until < time.monotonic():
                return None
            self._kept.move_to_end(key)
            return found

    def _lay_out(
        self, definition: Definition | Chart, digest: str, window: tuple[float, float], closed: frozenset[str]
    ) -> _Laid:
        known = self._known(digest, window)  # several may have asked while the first was at work
        if known is not None:
            return known
        chart = definition if isinstance(definition, Chart) else chart_of(definition)
        laid = self._best(folded(chart, closed), window)
        if digest:
            with self._lock:
                self._kept[(digest, window, VERSION)] = laid
                while len(self._kept) > self._keep:
                    self._kept.popitem(last=False)
        return laid

    def _best(self, chart: Chart, window: tuple[float, float]) -> _Laid:
        """The layout across, or down where that need not shrink so much to be seen whole."""
        shapes = shapes_of(chart)
        try:
            across = self._by_graphviz(shapes, "LR")
            if across.scale_in(*window) == 1:
                return _Laid(shapes, across)
            down = self._by_graphviz(shapes, "TB")
        except LayoutFailed:
            plain = shapes_of(chart, joining=False)
            return _Laid(plain, plain_layout(plain), time.monotonic() + self._again_s)
        gain = down.scale_in(*window) / across.scale_in(*window)
        return _Laid(shapes, down if gain > WORTH_TURNING else across)

    def _by_graphviz(self, shapes: Shapes, direction: Direction) -> Layout:
        return layout_from(self._process.lay_out(graph_of(shapes, direction)), shapes, direction)


def _named(digest: str, closed: frozenset[str]) -> str:
    return "|".join([digest, *sorted(closed)]) if digest else ""


_shared: list[Diagrams] = []
_sharing = threading.Lock()


def shared() -> Diagrams:
    """The one drawer of this process, made when first asked for and closed when the process ends."""
    with _sharing:
        if not _shared:
            _shared.append(Diagrams())
            atexit.register(_shared[0].close)
        return _shared[0]


def _marks(
    counts: Mapping[str, int] | None,
    heat: Mapping[str, float] | None,
    current: Leaves,
    earlier: Leaves,
    walked: Iterable[Walk],
    traffic: Iterable[Walk],
    selected: str | None,
) -> Marks:
    return Marks(
        counts=counts or {},
        heat=heat or {},
        current=tuple(current),
        earlier=tuple(earlier),
        walked=tuple(walked),
        traffic=tuple(traffic),
        selected=selected,
    )


async def svg_of(
    definition: Definition | Chart,
    digest: str,
    *,
    counts: Mapping[str, int] | None = None,
    heat: Mapping[str, float] | None = None,
    current: Leaves = (),
    earlier: Leaves = (),
    walked: Iterable[Walk] = (),
    traffic: Iterable[Walk] = (),
    selected: str | None = None,
    links: str | Mapping[str, str] | None = None,
    standalone: bool = False,
    theme: Theme = "auto",
    window: tuple[float, float] = WINDOW,
    folded: Iterable[str] = (),
) -> str:
    """The diagram of a definition as SVG, with marks over it; see `Marks` for what each of them is.

    Never fails for what stands in the definition: a draft with errors is drawn as far as it goes, and where Graphviz
    takes too long or dies a plain list is drawn. A chart made before (of two definitions, say) is drawn as it is.
    `digest` is the document's and the key of the cached layout. With
    `links` (such as `?selected=`), states and transitions are links to it with their path or key, percent-encoded;
    with a mapping, only those in it are links, to the address that it gives; without, they are elements with
    `data-state` or `data-transition` for a script. `standalone` brings its own style along, in the `theme`.
    `folded` are composites drawn without what lies in them.
    """
    marks = _marks(counts, heat, current, earlier, walked, traffic, selected)
    return await shared().svg(definition, digest, marks, Setting(standalone, theme, links), window, frozenset(folded))


def svg_now(
    definition: Definition,
    digest: str = "",
    *,
    counts: Mapping[str, int] | None = None,
    heat: Mapping[str, float] | None = None,
    current: Leaves = (),
    earlier: Leaves = (),
    walked: Iterable[Walk] = (),
    traffic: Iterable[Walk] = (),
    selected: str | None = None,
    links: str | Mapping[str, str] | None = None,
    standalone: bool = False,
    theme: Theme = "auto",
    window: tuple[float, float] = WINDOW,
) -> str:
    """`svg_of` for callers without a loop, such as the command line."""
    marks = _marks(counts, heat, current, earlier, walked, traffic, selected)
    return shared().svg_now(definition, digest, marks, Setting(standalone, theme, links), window)
