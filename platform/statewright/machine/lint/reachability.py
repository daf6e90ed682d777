"""The chart as a whole: states that nothing leads to, states that nothing leads out of, and lives without an end."""

from __future__ import annotations

from collections.abc import Iterator

from statewright.machine.lint.flow import Flow
from statewright.machine.lint.survey import Site
from statewright.machine.problem import Problem, error, shown, warning
from statewright.machine.targets import Path


def problems_of(flow: Flow) -> Iterator[Problem]:
    """What the ways through the chart show. Guards and roles are taken to let everything through."""
    yield from _circles(flow)
    if not flow.survey.definition.states:
        return
    yield from _unreachable(flow)
    yield from _dead_ends(flow)
    if not flow.may_end("", flow.reached):
        yield warning("no_end", "/states", "no final state can be reached: entities will live for ever",
                      'let a state that ends it all have "type": "final"')  # fmt: skip


def _unreachable(flow: Flow) -> Iterator[Problem]:
    survey = flow.survey
    targeted = {path for paths in survey.targets.values() for path in paths}
    for path in survey.states.by_path:
        parent = path.rpartition(".")[0]
        if path in flow.reached or (parent and parent not in flow.reached):
            continue  # of what lies inside an unreachable state, nothing more need be said
        if survey.kinds[path] == "history" and path not in targeted:
            yield warning("unreachable_state", survey.pointers[path], f"nothing leads to the history {shown(path)}",
                          "name it as a target, or remove it")  # fmt: skip
        elif survey.kinds[path] != "history":
            yield warning("unreachable_state", survey.pointers[path], f"no event leads to {shown(path)}",
                          "give it a way in, or remove it")  # fmt: skip


def _dead_ends(flow: Flow) -> Iterator[Problem]:
    survey = flow.survey
    for path in survey.states.by_path:
        leaf = survey.kinds[path] == "atomic"
        if leaf and path in flow.reached and not _leads_out(flow, path):
            yield warning("dead_end", survey.pointers[path], f"nothing leads out of {shown(path)}, and it is not final",
                          'give it a way out, or "type": "final"')  # fmt: skip


def _leads_out(flow: Flow, leaf: Path) -> bool:
    """Whether a branch of the state or of one above it leads elsewhere; `onDone` cannot, while it is active."""
    if any(above in flow.left_from_inside for above in flow.survey.above(leaf)):
        return True
    hidden: set[str] = set()
    for holder in (leaf, *flow.survey.above(leaf)):
        for site in flow.live[holder]:
            if site.cause == "onDone" or (site.cause == "on" and (site.key in hidden or "*" in hidden)):
                continue
            if any(target != leaf for target in flow.survey.targets[site.pointer]):
                return True
        hidden |= {site.key for site in flow.live[holder] if site.cause == "on" and site.branch.guard is None}
    return False


def _circles(flow: Flow) -> Iterator[Problem]:
    """Rings of `always` that nothing stops: each open and first in its state, and entering the next one's."""
    survey = flow.survey
    open_at = {
        site.holder: site
        for site in survey.sites
        if site.cause == "always" and site.index == 0 and site.branch.guard is None and not site.branch.forbids
    }
    onward = {path: [*_next(flow, site, open_at)] for path, site in open_at.items()}
    for ring in _rings(onward):
        said = " → ".join(shown(path) if path else "the definition" for path in (*ring, ring[0]))
        yield error("always_cycle", open_at[ring[0]].pointer, f"nothing ever stops this: {said}",
                    "give one of these `always` a guard")  # fmt: skip


def _next(flow: Flow, site: Site, open_at: dict[Path, Site]) -> Iterator[Path]:
    survey = flow.survey
    targets = [target for target in survey.targets[site.pointer] if survey.kinds[target] != "history"]
    if not site.targets:
        yield site.holder
    if survey.kinds[""] == "compound" and any(survey.kinds[t] == "final" and "." not in t for t in targets):
        return  # the entity's life is over, and nothing more is taken
    active = {path for target in targets for path in (*flow.default(target), *survey.above(target))}
    yield from (path for path in open_at if path in active)


def _rings(onward: dict[Path, list[Path]]) -> Iterator[list[Path]]:
    """One ring for each place where a walk in document order comes back to a state on its own way."""
    done: set[Path] = set()
    for start in onward:
        way: list[Path] = []
        on_way: set[Path] = set()
        waiting = [iter([start])]
        while waiting:
            path = next(waiting[-1], None)
            if path is None:
                waiting.pop()
                if way:
                    on_way.discard(gone := way.pop())
                    done.add(gone)
            elif path in on_way:
                yield way[way.index(path) :]
            elif path not in done:
                way.append(path)
                on_way.add(path)
                waiting.append(iter(onward[path]))
