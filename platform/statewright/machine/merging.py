"""Two definitions as one chart: everything that is in either, each thing with what became of it."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from statewright.machine.chart import ROOT, Arrow, ArrowKind, Box, Change, Chart, chart_of
from statewright.machine.comparing import Comparison
from statewright.machine.coverage import Place

_KINDS: dict[str, ArrowKind] = {"on": "event", "after": "after", "always": "always", "onDone": "done"}
_Key = tuple[str, ArrowKind, str, int]


def merged_chart(comparison: Comparison) -> Chart:
    """The chart of the later definition with what it no longer has put back, so that both are seen at once.

    A branch that leads elsewhere than it did is drawn twice: removed where it led, added where it leads.
    """
    return _Merging(comparison).chart()


class _Merging:
    def __init__(self, comparison: Comparison) -> None:
        self.comparison = comparison
        self.before = chart_of(comparison.before)
        self.after = chart_of(comparison.after)

    def chart(self) -> Chart:
        before, after = self.before, self.after
        boxes = {path: self._box(path, box) for path, box in after.boxes.items()}
        boxes |= {path: replace(box, change="removed") for path, box in before.boxes.items() if path not in boxes}
        boxes = {path: self._whole(box) for path, box in boxes.items()}
        return Chart(
            label=after.label,
            parallel=after.parallel,
            initial=after.initial or before.initial,
            boxes=boxes,
            arrows=tuple(self._arrows()),
        )

    def _box(self, path: str, box: Box) -> Box:
        missing = box.kind == "missing"
        return box if missing else replace(box, change=self.comparison.change_of_state(path))

    def _whole(self, box: Box) -> Box:
        """With the states of both inside; what was split or made simple is drawn as what holds the others."""
        before, after = self.before.boxes.get(box.path), self.after.boxes.get(box.path)
        if before is None or after is None:
            return box
        children = tuple(dict.fromkeys([*after.children, *before.children]))
        kind = before.kind if before.children and not after.children else after.kind
        return replace(box, children=children, kind=kind, initial=after.initial or before.initial)

    def _arrows(self) -> Iterator[Arrow]:
        before = {_key_of(arrow): arrow for arrow in self.before.arrows}
        after = {_key_of(arrow): arrow for arrow in self.after.arrows}
        count: dict[tuple[str, ArrowKind, str], int] = {}
        for source, kind, trigger, index in after:
            count[source, kind, trigger] = max(count.get((source, kind, trigger), 0), index + 1)
        for pair in self.comparison.pairs:
            was, now = _arrow(before, pair.before), _arrow(after, pair.after)
            moved = was is not None and now is not None and was.targets != now.targets
            if now is not None:
                yield replace(now, change="added" if moved else pair.change)
            if was is not None and (now is None or moved):
                yield self._gone(was, count)
        yield from self._defaults()

    def _gone(self, arrow: Arrow, count: dict[tuple[str, ArrowKind, str], int]) -> Arrow:
        """A branch that is no more, numbered after those that are, so that each has an id of its own."""
        key = (arrow.source, arrow.kind, arrow.trigger)
        count[key] = count.get(key, 0) + 1
        return replace(arrow, index=count[key] - 1, change="removed")

    def _defaults(self) -> Iterator[Arrow]:
        """Where history states lead of themselves: no branches, so they have no pairs."""
        after = [arrow for arrow in self.after.arrows if arrow.kind == "default"]
        before = [arrow for arrow in self.before.arrows if arrow.kind == "default"]
        ways = {(arrow.source, arrow.targets) for arrow in before}
        new_ways = {(arrow.source, arrow.targets) for arrow in after}
        for arrow in after:
            change: Change | None = None if (arrow.source, arrow.targets) in ways else "added"
            yield replace(arrow, change=change)
        for arrow in before:
            if (arrow.source, arrow.targets) not in new_ways:
                yield replace(arrow, index=arrow.index + 1, change="removed")


def _key_of(arrow: Arrow) -> _Key:
    return arrow.source, arrow.kind, arrow.trigger, arrow.index


def _arrow(arrows: dict[_Key, Arrow], place: Place | None) -> Arrow | None:
    if place is None:
        return None
    return arrows[place.holder or ROOT, _KINDS[place.key], place.descriptor, place.index]
