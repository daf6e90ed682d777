"""A definition under the pen: its text, the states it has, and the way to each of them and to each branch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import orjson

from statewright.machine.definition import Definition
from statewright.machine.editing.sheet import Sheet, Way
from statewright.machine.editing.words import BranchAt, Path, Stop
from statewright.machine.rewriting import Rewritten, delay_of
from statewright.machine.targets import States

HOLDERS = {"on": "event", "after": "after"}
LISTS = {"always": "always", "onDone": "done"}
KEYS = {"event": "on", "after": "after", "always": "always", "done": "onDone"}


class Reference(NamedTuple):
    """A target as it is written: the way to it, the state it stands in, and the path it means (None: nowhere)."""

    way: Way
    holder: Path
    written: str
    path: Path | None
    branch: BranchAt | None
    alone: bool
    """Whether the branch has no other target."""


class Plan:
    """A text that is a definition. Raises Stop for one that is none, with what to do."""

    def __init__(self, text: str) -> None:
        try:
            self.sheet = Sheet(text)
        except (ValueError, RecursionError):
            raise Stop("The JSON has a fault. Mend it in the JSON tab, or undo, before changing it by form.") from None
        self.look()

    def look(self) -> None:
        """See what the text says now."""
        try:
            self.raw: dict[str, Any] = orjson.loads(self.sheet.text)
            self.definition = msgspec.convert(Rewritten(self.raw).document, Definition)
        except (msgspec.ValidationError, orjson.JSONDecodeError, AttributeError, TypeError) as fault:
            sentence = f"The document is not of the language: {fault}. Mend it in the JSON tab, or undo."
            raise Stop(sentence) from None
        self.states = States(self.definition)

    def state(self, path: Path) -> Any:
        """The state at a path. Raises Stop when it is gone."""
        if path not in self.states.by_path:
            raise Stop(f"There is no state {path!r} any more; somebody may have renamed or deleted it.")
        return self.states.by_path[path]

    def way(self, path: Path) -> Way:
        """The way to a state in the text. Raises Stop when it is gone."""
        if path:
            self.state(path)
        return way_to(path)

    def children(self, path: Path) -> list[str]:
        """The keys of the states directly inside."""
        holder = self.state(path) if path else self.definition
        return list(holder.states)

    def branch_way(self, at: BranchAt) -> Way:
        """The way to a branch in the text. Raises Stop when it is gone."""
        way = self.way(at.source) + self.trigger_way(at)
        written = self.sheet.get(way)
        if isinstance(written, list) and at.index < len(written):
            return (*way, at.index)
        if written is None or isinstance(written, list) or at.index:
            raise Stop("That transition is not there any more; somebody may have changed it.")
        return way

    def trigger_way(self, at: BranchAt) -> Way:
        """The way from its state to where branches of this cause and trigger stand."""
        key = KEYS[at.cause]
        if at.cause in ("always", "done"):
            return (key,)
        below = self.sheet.get((*self.way(at.source), key), {})
        names = below if isinstance(below, dict) else {}
        if at.cause == "after" and at.trigger not in names:
            return (key, next((name for name in names if delay_of(name) == at.trigger), at.trigger))
        return (key, at.trigger)

    def references(self) -> Iterator[Reference]:
        """Every target in the document, in its order."""
        yield from self._of_holder(self.raw, (), "")

    def _of_holder(self, raw: dict[str, Any], way: Way, path: Path) -> Iterator[Reference]:
        for key, cause in HOLDERS.items():
            for trigger, written in dict(raw.get(key) or {}).items():
                name = delay_of(trigger) if key == "after" else trigger
                yield from self._of_branches(written, (*way, key, trigger), path, BranchAt(path, cause, name))  # type: ignore[arg-type]  # of the table above
        for key, cause in LISTS.items():
            yield from self._of_branches(raw.get(key) or [], (*way, key), path, BranchAt(path, cause))  # type: ignore[arg-type]  # of the table above
        if path and raw.get("target") is not None:
            yield from self._of_target(raw["target"], (*way, "target"), path, None)
        for name, inner in dict(raw.get("states") or {}).items():
            yield from self._of_holder(inner, (*way, "states", name), f"{path}.{name}" if path else name)

    def _of_branches(self, written: Any, way: Way, path: Path, at: BranchAt) -> Iterator[Reference]:
        if not isinstance(written, list):
            yield from self._of_branch(written, way, path, at)
            return
        for index, item in enumerate(written):
            here = msgspec.structs.replace(at, index=index)
            yield from self._of_branch(item, (*way, index), path, here)

    def _of_branch(self, written: Any, way: Way, path: Path, at: BranchAt) -> Iterator[Reference]:
        if isinstance(written, str):
            yield self._reference(written, way, path, at, True)
        elif isinstance(written, dict) and written.get("target") is not None:
            yield from self._of_target(written["target"], (*way, "target"), path, at)

    def _of_target(self, written: Any, way: Way, path: Path, at: BranchAt | None) -> Iterator[Reference]:
        if isinstance(written, str):
            yield self._reference(written, way, path, at, True)
            return
        for index, item in enumerate(written):
            yield self._reference(item, (*way, index), path, at, len(written) == 1)

    def _reference(self, written: str, way: Way, path: Path, at: BranchAt | None, alone: bool) -> Reference:
        return Reference(way, path, written, self.states.resolve(written, path), at, alone)

    def target(self, path: Path, holder: Path, like: str = "") -> str:
        """How `path` is written as a target in `holder`: in the way in which `like` was, else as near as can be."""
        parent = holder.rpartition(".")[0]
        near = path.removeprefix(f"{parent}.") if parent else path
        forms = []
        if path.startswith(f"{holder}.") and holder:
            forms.append("." + path.removeprefix(f"{holder}."))
        if holder and (not parent or path.startswith(f"{parent}.")):
            forms.append(near)
        if not holder:
            forms.append(f".{path}")
        named = f"#{self.definition.id}.{path}" if path else f"#{self.definition.id}"
        if like.startswith("#"):
            forms = [named, *forms]
        elif like.count(".") == near.count(".") and not like.startswith("."):  # it was written from a sibling on
            forms.sort(key=lambda form: form.startswith("."))
        forms.append(named)
        return next((form for form in forms if self.states.resolve(form, holder) == path), named)


def way_to(path: Path) -> Way:
    """The way to a state, there or not."""
    return tuple(step for name in path.split(".") for step in ("states", name)) if path else ()
