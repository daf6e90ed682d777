"""Where branches lead: which states they enter, which can be reached at all, and what is surely written on the way.

Everything errs on the side of silence: a state counts as reachable, and a field as perhaps absent, unless it is
certain that it is not. What history restores has been active before, so that only its default is a way in; and
what a shallow one restores begins anew, which may be where it was never before.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator

from statewright.machine.definition import State
from statewright.machine.lint.keep import kept
from statewright.machine.lint.survey import Site, Survey, assigned, parent_of, targets_of
from statewright.machine.targets import Path

_PASSES = 50
"""After so many passes the search for surely written fields gives up, and takes none for written."""


class Flow:
    """The ways through a chart. Asked by several checks, so that each answer is worked out once."""

    def __init__(self, survey: Survey) -> None:
        self.survey = survey
        self._default: dict[Path, frozenset[Path]] = {}
        self._entered: dict[tuple[tuple[Path, ...], Path], frozenset[Path]] = {}
        self._ever: dict[frozenset[Path], frozenset[Path]] = {}
        self._names: dict[int, frozenset[str]] = {}

    @functools.cached_property
    def left_from_inside(self) -> frozenset[Path]:
        """The parallel states that a branch inside of them leads out of; it ends the stays in all their regions."""
        survey = self.survey
        found: set[Path] = set()
        for site in survey.sites:
            targets = survey.targets[site.pointer]
            if not targets or site.cause == "onDone":
                continue
            for path in (site.holder, *survey.above(site.holder)):
                if survey.kinds[path] == "parallel" and not all(survey.is_below(target, path) for target in targets):
                    found.add(path)
        return frozenset(found)

    @functools.cached_property
    def live(self) -> dict[Path, list[Site]]:
        """The branches of each state that no open branch before them hides."""
        found: dict[Path, list[Site]] = {path: [] for path in self.survey.nodes}
        closed: tuple[Path, str, str] | None = None
        for site in self.survey.sites:
            place = (site.holder, site.cause, site.key)
            if place != closed:
                found[site.holder].append(site)
                closed = place if site.branch.guard is None else None
        return found

    def default(self, path: Path) -> frozenset[Path]:
        """What is entered with a state when nothing says otherwise, itself and the histories asked for it included."""
        found = self._default.get(path)
        if found is None:
            if self.survey.kinds[path] == "history":
                found = self._default_of_history(path)
            else:
                found = frozenset({path}.union(*map(self.default, self._begins_in(path))))
            self._default[path] = found
        return found

    def _begins_in(self, path: Path) -> list[Path]:
        survey = self.survey
        children = self._ordinary(path)
        if survey.kinds[path] != "compound":
            return children
        initial = survey.initial_of(path)
        return children if initial is None or survey.kinds[initial] == "history" else [initial]

    def _ordinary(self, path: Path) -> list[Path]:
        """The children of a state that can be active."""
        return [inner for inner in self.survey.children[path] if self.survey.kinds[inner] != "history"]

    def _default_of_history(self, history: Path) -> frozenset[Path]:
        """What a history state enters at first; where it leads in a circle, that in which its parent begins."""
        asked: set[Path] = set()
        goals: list[Path] = []
        waiting = [history]
        while waiting:
            path = waiting.pop()
            if self.survey.kinds[path] != "history":
                goals.append(path)
            elif path in asked:
                goals += self._begins_in(parent_of(path))
            else:
                asked.add(path)
                waiting += self._defaults_of(path)
        return frozenset(asked.union(self._enters(tuple(dict.fromkeys(goals)), parent_of(history))))

    def _defaults_of(self, history: Path) -> list[Path]:
        """Where a history state leads as long as there is nothing to go back to."""
        survey, node, parent = self.survey, self.survey.nodes[history], parent_of(history)
        if isinstance(node, State) and node.target is not None:
            found = [survey.resolve(target, history) for target in targets_of(node)]
        elif survey.kinds[parent] == "parallel":
            found = [*self._ordinary(parent)]
        else:
            found = [survey.initial_of(parent)]
        return [path for path in found if path is not None and survey.is_below(path, parent)]

    def domain(self, site: Site) -> Path:
        """The state inside of which a branch moves: the innermost compound one that it does not leave."""
        survey, targets = self.survey, self.survey.targets[site.pointer]
        inside = all(survey.is_below(target, site.holder) for target in targets)
        if inside and not site.branch.reenter and survey.kinds[site.holder] == "compound":
            return site.holder
        for path in survey.above(site.holder):
            if survey.kinds[path] == "compound" and all(survey.is_below(target, path) for target in targets):
                return path
        return ""

    def entered(self, site: Site) -> frozenset[Path]:
        """Every state that a branch may enter, but for what history restores."""
        targets = self.survey.targets[site.pointer]
        if not targets:
            return frozenset()
        key = (targets, self.domain(site))
        if key not in self._entered:
            self._entered[key] = frozenset(self._enters(*key))
        return self._entered[key]

    def _enters(self, targets: tuple[Path, ...], domain: Path) -> Iterator[Path]:
        survey = self.survey
        for target in targets:
            yield from self.default(target)
            for path in self.survey.above(target):
                if path == domain or not survey.is_below(path, domain):
                    break
                yield path
                if survey.kinds[path] == "parallel":
                    for region in survey.children[path]:
                        named = any(other == region or survey.is_below(other, region) for other in targets)
                        if survey.kinds[region] != "history" and not named:
                            yield from self.default(region)

    def _entered_ever(self, site: Site) -> frozenset[Path]:
        """Every state that a branch may enter, with those below what shallow histories restore."""
        entered = self.entered(site)
        if entered not in self._ever:
            parents = {parent_of(path) for path in entered if self._is_shallow(path)}
            restored = [inner for parent in parents for inner in self._ordinary(parent) if inner in self.reached]
            self._ever[entered] = entered.union(*(self.default(inner) - {inner} for inner in restored))
        return self._ever[entered]

    def _is_shallow(self, path: Path) -> bool:
        node = self.survey.nodes[path]
        return isinstance(node, State) and node.type == "history" and node.history != "deep"

    # --- reachability

    @functools.cached_property
    def reached(self) -> frozenset[Path]:
        """Every state that some sequence of events may lead to, if guards and roles let everything through."""
        found: set[Path] = set()
        restoring: set[Path] = set()  # the states with a shallow history that is reached
        waiting = [*self.default("")]
        endings = [site for sites in self.live.values() for site in sites if site.cause == "onDone"]
        while True:
            while waiting:
                path = waiting.pop()
                if path in found:
                    continue
                found.add(path)
                for site in self.live[path]:
                    if site.cause != "onDone":
                        waiting.extend(self.entered(site) - found)
                parent = parent_of(path)
                if self._is_shallow(path) and parent not in restoring:
                    restoring.add(parent)
                    for inner in self._ordinary(parent):
                        waiting.extend(self.default(inner) - found if inner in found else ())
                elif parent in restoring:
                    waiting.extend(self.default(path) - found)
            ended = [site for site in endings if site.holder in found and self.may_end(site.holder, found)]
            if not ended:
                return frozenset(found)
            done = {site.pointer for site in ended}
            endings = [site for site in endings if site.pointer not in done]
            waiting = [path for site in ended for path in self.entered(site)]

    def may_end(self, path: Path, reached: Iterable[Path]) -> bool:
        """Whether a state may come to be done: by a final child, or when parallel by all of its regions."""
        survey = self.survey
        children = self._ordinary(path)
        match survey.kinds[path]:
            case "final":
                return path in reached
            case "compound":
                return any(survey.kinds[inner] == "final" and inner in reached for inner in children)
            case "parallel":
                return bool(children) and all(self.may_end(inner, reached) for inner in children)
            case _:
                return False

    # --- what is surely written

    @functools.cached_property
    def _bits(self) -> dict[str, int]:
        """The fields that count, each with a bit of its own: declared, never removed, and not to be erased."""
        survey = self.survey
        if survey.context is None:
            return {}
        removed = {field for patch in _patches(survey) for field, value in patch.items() if value == {"@unset": True}}
        fields = [field for field in survey.context.fields if field not in removed | survey.context.personal]
        return {field: 1 << index for index, field in enumerate(fields)}

    def _mask(self, fields: Iterable[str]) -> int:
        mask = 0
        for field in fields:
            mask |= self._bits.get(field, 0)
        return mask

    def _writes(self, site: Site) -> int:
        """What a branch surely writes: patches, and kept fields that the event must carry."""
        schema = self.survey.events.get(site.event or "")
        carried = [field for field in kept(self.survey, site) if schema is not None and field in schema.required]
        assigns = self._assigns.get(site.pointer, 0)
        return self._mask(site.branch.context) | self._mask(carried) | assigns

    @functools.cached_property
    def _assigns(self) -> dict[str, int]:
        """What actions assign: by the pointer of their branch, or by the path of the state on whose entry they run."""
        found: dict[str, int] = {}
        for doing in self.survey.doings:
            if doing.when != "exit":
                key = doing.site.pointer if doing.site is not None else "entry of " + doing.holder
                found[key] = found.get(key, 0) | self._mask(assigned(doing.action))
        return found

    @functools.cached_property
    def _ways(self) -> dict[Path, int]:
        """By state, what every way into it has written, as a greatest fixed point over all branches."""
        everything = (1 << len(self._bits)) - 1
        ways = dict.fromkeys(self.survey.nodes, everything)
        begun = self._mask(self.survey.definition.context)
        for path in self.default(""):
            ways[path] &= begun
        sites = [site for path in self.reached for site in self.live[path] if self.entered(site)]
        moves = [(site, self._entered_ever(site), self._writes(site)) for site in sites]
        for _ in range(_PASSES):
            changed = False
            for site, entered, writes in moves:
                after = self._within(ways, site.holder) | writes
                for path in entered:
                    if ways[path] & ~after:
                        ways[path] &= after
                        changed = True
            if not changed:
                return ways
        return dict.fromkeys(self.survey.nodes, 0)

    def _within(self, ways: dict[Path, int], path: Path, *, entering: bool = False) -> int:
        """What is written wherever `path` is active; while it is `entering`, without what its own entry assigns."""
        mask = ways[path] | (0 if entering else self._assigns.get("entry of " + path, 0))
        for above in self.survey.above(path):
            mask |= ways[above] | self._assigns.get("entry of " + above, 0)
        return mask

    def written(self, path: Path, *, entering: bool = False) -> frozenset[str]:
        """The optional fields that are surely there while `path` is active, or while it is being entered."""
        if not self._bits:
            return frozenset()
        return self._named(self._moved & self._within(self._ways, path, entering=entering))

    @functools.cached_property
    def _moved(self) -> int:
        """What entities have that a migration brought: it runs no entry, so only its own patch counts."""
        mask = (1 << len(self._bits)) - 1
        for migration in self.survey.definition.migrations:
            mask &= self._mask(migration.context)
        return mask

    def _named(self, mask: int) -> frozenset[str]:
        if mask not in self._names:
            self._names[mask] = frozenset(field for field, bit in self._bits.items() if mask & bit)
        return self._names[mask]


def _patches(survey: Survey) -> Iterator[dict[str, object]]:
    for site in survey.sites:
        yield site.branch.context
    for doing in survey.doings:
        yield dict(assigned(doing.action))
