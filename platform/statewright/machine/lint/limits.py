"""What is too large to be looked at: found without building anything of the definition's size squared."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from statewright.machine.definition import Actions, Definition, State
from statewright.machine.expressions.patterns import size_of
from statewright.machine.lint.survey import ACTIONS, Survey, actions_of
from statewright.machine.problem import Problem, child, error, malformed, pointer_of
from statewright.machine.targets import Path

STATES = 1_000
TRANSITIONS = 5_000
LEAVES = 64
TIMERS = 64
TARGETS = 64
PATTERNS = 100_000
"""How large the automata of all patterns in schemas may be together; RE2 counts, in its instructions."""
NAME = 100
"""The longest name of a state, in characters; a path of much longer ones could fill the memory."""


_BRANCHES = ("always", "choice", "onDone", "onTimeout")


def too_large(document: Any) -> list[Problem]:
    """The limits of size that a document breaks; it is not looked at any further, whatever else it holds."""
    states = transitions = 0
    waiting = [document]
    while waiting:
        node = waiting.pop()
        if not isinstance(node, dict):
            continue
        below = node.get("states")
        if isinstance(below, dict):
            states += len(below)
            waiting.extend(below.values())
        transitions += sum(_counts(node))
    found = []
    if states > STATES:
        found.append(malformed("too_many", "/states", f"{states:,} states; at most {STATES:,} are possible",
                               "make several definitions of it, related to each other"))  # fmt: skip
    if transitions > TRANSITIONS:
        found.append(malformed("too_many", "", f"{transitions:,} transitions; at most {TRANSITIONS:,} are possible",
                               "make several definitions of it, related to each other"))  # fmt: skip
    return found


def beyond(definition: Definition) -> list[Problem]:
    """The limits that a definition breaks so far that nothing else about it is worth the work of finding out."""
    found = _too_long_names(definition.states, "")
    if _patterns_beyond(definition):
        sentence = f"the patterns of the schemas come to more than {PATTERNS:,} steps of an automaton"
        found.append(error("too_many", "/schemas", sentence, "count less in them: `{1,900}` is written out 900 times"))
    return found


def problems_of(survey: Survey) -> Iterator[Problem]:
    """The limits of a configuration, of an event, and of one branch."""
    leaves = _most(survey, lambda path: 0 if any(survey.children[path]) else 1)
    if leaves > LEAVES:
        sentence = f"{leaves:,} states can be active at once; at most {LEAVES} leaves are possible"
        yield error("too_many", "/states", sentence, "make entities of their own of some regions")
    timers = _most(survey, lambda path: len(survey.nodes[path].after))
    if timers > TIMERS:
        sentence = f"{timers:,} timers can run at once; at most {TIMERS} are possible"
        yield error("too_many", "/states", sentence, "give states that are active together fewer `after`")
    for path, node in survey.nodes.items():
        for when, written in (("entry", node.entry), ("exit", node.exit)):
            yield from _too_many_actions(written, f"{survey.pointers[path]}/{when}")
    for site in survey.sites:
        yield from _too_many_actions(site.branch.actions, child(site.pointer, "actions"))
        if len(site.targets) > TARGETS:
            sentence = f"{len(site.targets):,} targets; at most {TARGETS} leaves can be active at once"
            yield error("too_many", child(site.pointer, "target"), sentence)


def _patterns_beyond(definition: Definition) -> bool:
    total = 0
    for pattern in set(_patterns([definition.schemas.context, definition.schemas.events])):
        total += size_of(pattern)
        if total > PATTERNS:
            return True
    return False


def _patterns(schema: Any) -> Iterator[str]:
    """What may be a pattern anywhere in schemas: an example that looks like one counts as well, and does no harm."""
    if isinstance(schema, list):
        for each in schema:
            yield from _patterns(each)
    elif isinstance(schema, dict):
        for key, value in schema.items():
            if key == "pattern" and isinstance(value, str):
                yield value
            elif key == "patternProperties" and isinstance(value, dict):
                yield from value
            yield from _patterns(value)


def _counts(node: dict[str, Any]) -> Iterator[int]:
    """How many branches each key of a state's holds, or of the definition's; what is misshapen counts as one."""
    for key in ("on", "after"):
        for written in node[key].values() if isinstance(node.get(key), dict) else ():
            yield len(written) if isinstance(written, list) else 1
    for key in _BRANCHES:
        if key in node:
            yield len(node[key]) if isinstance(node[key], list) else 1


def _too_long_names(states: Mapping[str, State], pointer: str) -> list[Problem]:
    """The first states with names too long for paths to be made of them, from the outside in."""
    found: list[Problem] = []
    for name, state in states.items():
        at = child(pointer, "states") + pointer_of(name)
        if len(name) > NAME:
            found.append(error("bad_name", at, "the state's name is not 1 to 100 characters long", "shorten it"))
        else:
            found += _too_long_names(state.states, at)
        if len(found) > 20:
            break
    return found


def _too_many_actions(written: Actions, pointer: str) -> Iterator[Problem]:
    if len(actions_of(written)) > ACTIONS:
        sentence = f"{len(actions_of(written)):,} actions; one event may carry out at most {ACTIONS}"
        yield error("too_many", pointer, sentence, "emit one event that says all of it")


def _most(survey: Survey, own: Callable[[Path], int]) -> int:
    """The greatest sum of `own` over a configuration: regions add up, the children of a compound state do not."""
    sums: dict[Path, int] = {}
    for path in sorted(survey.nodes, key=lambda path: path.count(".") if path else -1, reverse=True):
        below = [sums[inner] for inner in survey.children[path] if survey.kinds[inner] != "history"]
        together = sum(below) if survey.kinds[path] == "parallel" else max(below, default=0)
        sums[path] = together + own(path)
    return sums[""]
