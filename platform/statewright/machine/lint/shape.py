"""The tree of states: which kinds have children, where each begins, and what may stand in which kind."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from statewright.machine.definition import State
from statewright.machine.lint.limits import TARGETS
from statewright.machine.lint.survey import Survey, parent_of, targets_of
from statewright.machine.problem import Problem, child, error, shown, warning
from statewright.machine.targets import Path

_NOT_IN_FINAL = ("on", "always", "after", "onDone", "states", "initial")
_NOT_IN_HISTORY = ("on", "always", "after", "onDone", "states", "initial", "entry", "exit", "sla")
_FIELDS = {"onDone": "on_done"}


def problems_of(survey: Survey) -> Iterator[Problem]:
    """States whose keys do not go with their kind, and compound states that do not say where they begin."""
    if not survey.definition.states:
        yield error("no_states", "/states", "a definition needs at least one state")
        return
    for path, node in survey.nodes.items():
        match survey.kinds[path]:
            case "compound":
                yield from _compound(survey, path)
            case "parallel":
                yield from _parallel(survey, path)
            case "atomic":
                yield from _atomic(survey, path)
            case "final" if isinstance(node, State):
                yield from _final(survey, path, node)
            case "history" if isinstance(node, State):
                yield from _history(survey, path, node)
        if isinstance(node, State) and node.type != "history":
            yield from _history_keys(survey, path, node)


def _compound(survey: Survey, path: Path) -> Iterator[Problem]:
    node, pointer = survey.nodes[path], survey.pointers[path]
    what = f"the state {shown(path)}" if path else "the definition"
    if not node.states:
        yield error("bad_state", child(pointer, "type"), f"{what} is compound and has no states in it",
                    "give it `states`, or leave `type` out")  # fmt: skip
    elif node.initial is None:
        begins = f"{what} does not say in which of its states it begins"
        first = next((name for name, inner in node.states.items() if inner.type != "history"), next(iter(node.states)))
        yield error("no_initial", pointer, begins, f'write "initial": "{first}"')
    elif node.initial not in node.states:
        fix = _path_below(survey, path, node.initial) or survey.meant(node.initial, node.states)
        yield error("unknown_state", child(pointer, "initial"),
                    f"{what} has no state {shown(node.initial)} of its own to begin in", fix)  # fmt: skip
    elif node.states[node.initial].type == "history":
        yield error("bad_state", child(pointer, "initial"), f"{shown(node.initial)} is a history state, and there is "
                    "nothing to go back to at the beginning", "begin in an ordinary state")  # fmt: skip


def _path_below(survey: Survey, path: Path, written: str) -> str | None:
    """What to write instead of an `initial` that is a path to a state further down, or begins with a dot or `#`."""
    found = survey.resolve(written if written.startswith("#") else "." + written.lstrip("."), path)
    if found is None or not survey.is_below(found, path):
        return None
    name = survey.region_of(found, path).rpartition(".")[2]
    more = ", and `initial` again inside of it" if survey.region_of(found, path) != found else ""
    return f'write "initial": "{name}"{more}'


def _parallel(survey: Survey, path: Path) -> Iterator[Problem]:
    node, pointer = survey.nodes[path], survey.pointers[path]
    if all(survey.kinds[inner] == "history" for inner in survey.children[path]):
        yield error("bad_state", pointer, "a parallel state needs regions: states of its own that are all active",
                    "give it `states`, or leave `type` out")  # fmt: skip
    if node.initial is not None:
        yield warning("no_effect", child(pointer, "initial"), "a parallel state begins in all of its states",
                      "remove `initial`")  # fmt: skip


def _atomic(survey: Survey, path: Path) -> Iterator[Problem]:
    node, pointer = survey.nodes[path], survey.pointers[path]
    for key in ("states", "initial", "onDone"):
        if not getattr(node, _FIELDS.get(key, key)):
            continue
        if node.states and key != "states":
            continue  # one problem is enough: the type is what is wrong
        sentence = f"an atomic state has no states in it, so `{key}` means nothing here"
        yield error("bad_state", child(pointer, key), sentence,
                    "leave `type` out" if node.states else f"remove `{key}`, or give it `states`")  # fmt: skip


def _final(survey: Survey, path: Path, node: State) -> Iterator[Problem]:
    for key in _NOT_IN_FINAL:
        if getattr(node, _FIELDS.get(key, key)):
            yield error("final_with_events", child(survey.pointers[path], key), "nothing can happen in a final state",
                        f"remove `{key}`, or the type `final`")  # fmt: skip
    if node.sla is not None:
        yield warning("no_effect", child(survey.pointers[path], "sla"), "no stay in a final state is ever too long",
                      "remove `sla`")  # fmt: skip


def _history(survey: Survey, path: Path, node: State) -> Iterator[Problem]:
    pointer = survey.pointers[path]
    for key in _NOT_IN_HISTORY:
        if getattr(node, _FIELDS.get(key, key)):
            yield error("bad_history", child(pointer, key), "a history state is never active: it only leads back",
                        f"remove `{key}`, or put it into the state that holds this one")  # fmt: skip
    at = child(pointer, "target")
    targets = targets_of(node)
    for index, target in enumerate(targets):
        yield from _default(survey, path, target, child(at, index) if isinstance(node.target, list) else at)
    if isinstance(node.target, list):
        yield from apart(survey, [found for target in targets if (found := survey.resolve(target, path))], at)


def _default(survey: Survey, path: Path, target: str, at: str) -> Iterator[Problem]:
    """One state that a history state leads to as long as there is nothing to go back to."""
    found = survey.resolve(target, path)
    if found is None:
        yield error("unknown_target", at, f"{shown(target)}, written in the history state {shown(path)}, "
                    "names no state", survey.meant(target, survey.beside(path)))  # fmt: skip
    elif survey.kinds[found] == "history" and _leads_back(survey, path):
        sentence = "these history states lead in a circle, so the parent's `initial` is taken"
        yield warning("no_effect", at, sentence, "name an ordinary state")
    elif not survey.is_below(found, parent_of(path)):
        sentence = f"{shown(found)} is not inside of the state whose history this is"
        yield error("bad_history", at, sentence, "name a state beside the history state, or below one of these")


def _leads_back(survey: Survey, history: Path) -> bool:
    """Whether the default of a history state leads, over those of others, back to itself."""
    onward = survey.defaults
    seen: set[Path] = set()
    waiting = [*onward[history]]
    while waiting:
        path = waiting.pop()
        if path == history:
            return True
        if path not in seen:
            seen.add(path)
            waiting += onward.get(path, ())
    return False


def apart(survey: Survey, found: list[Path], pointer: str) -> Iterator[Problem]:
    """Whether states can be entered together: whether each two lie in different regions of one parallel state."""
    for one, other in itertools.combinations(found[:TARGETS], 2):
        common = survey.common(one, other)
        if common in (one, other) or survey.kinds[common] != "parallel":
            sentence = f"{shown(one)} and {shown(other)} cannot be entered together: they are no regions of one state"
            yield error("bad_targets", pointer, sentence, "name states in different regions of one parallel state")
            return


def _history_keys(survey: Survey, path: Path, node: State) -> Iterator[Problem]:
    for key in ("history", "target"):
        if getattr(node, key) is not None:
            yield error("bad_history", child(survey.pointers[path], key), f"`{key}` belongs to history states",
                        'write "type": "history", or remove it')  # fmt: skip
