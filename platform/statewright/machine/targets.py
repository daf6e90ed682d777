"""What a target names: siblings, children of the holder, and `#id` paths, resolved to states."""

from __future__ import annotations

from collections.abc import Mapping

from statewright.machine.definition import Definition, State

Path = str
"""A state by the keys that lead to it, joined by dots."""


class States:
    """The states of a definition by path, in document order, and the targets that lead to them."""

    def __init__(self, definition: Definition) -> None:
        self.by_path: dict[Path, State] = {}
        self._by_id: dict[str, Path] = {definition.id: ""}
        self._gather(definition.states, "")

    def _gather(self, states: Mapping[str, State], parent: Path) -> None:
        for name, state in states.items():
            path = f"{parent}.{name}" if parent else name
            self.by_path[path] = state
            if state.id is not None:
                self._by_id.setdefault(state.id, path)
            self._gather(state.states, path)

    def resolve(self, target: str, holder: Path) -> Path | None:
        """The path that `target` means, written in the state `holder`; None if unknown. The empty path is the root."""
        if target.startswith("#"):
            name, _, below = target[1:].partition(".")
            base = self._by_id.get(name)
            if base is None:
                return None
            return self._known(base, below) if below else base
        if target.startswith("."):
            return self._known(holder, target[1:])
        if not holder:
            return None
        return self._known(holder.rpartition(".")[0], target)

    def _known(self, base: Path, below: str) -> Path | None:
        path = f"{base}.{below}" if base else below
        return path if path in self.by_path else None

    def written_from(self, holder: Path) -> list[str]:
        """The targets that could be written in `holder`, for suggestions."""
        if not holder:
            return [f".{path}" for path in self.by_path if "." not in path]
        parent = holder.rpartition(".")[0]
        return [path.rpartition(".")[2] for path in self.by_path if path.rpartition(".")[0] == parent]
