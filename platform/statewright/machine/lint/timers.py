"""Durations: the keys of `after`, the named `delays`, and the limits of `sla`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from statewright.machine.definition import Sla, State
from statewright.machine.lint.survey import Survey
from statewright.machine.moments import duration_of
from statewright.machine.problem import Problem, child, error, pointer_of, shown

_MEANT_AS_DURATION = re.compile(r"[-+]?(?:P[\dT]|\d)", re.ASCII)
"""How a key of `after` begins that is no name of a delay."""


def problems_of(survey: Survey) -> Iterator[Problem]:
    """Every duration that is none, every delay that is not defined, and limits in the wrong order."""
    for path, node in survey.nodes.items():
        pointer = survey.pointers[path]
        for key in node.after:
            yield from _key(survey, key, pointer + pointer_of("after", key))
        if isinstance(node, State) and node.sla is not None:
            yield from _sla(node.sla, child(pointer, "sla"))
    for name, delay in survey.definition.delays.items():
        yield from _delay(survey, name, delay, pointer_of("delays", name))


def _key(survey: Survey, key: str, pointer: str) -> Iterator[Problem]:
    if key in survey.definition.delays:
        return
    if _MEANT_AS_DURATION.match(key):
        yield from _duration(key, pointer)
        return
    fix = survey.meant(key, survey.definition.delays) or "define it under `delays`, or write a duration such as PT30M"
    yield error("unknown_delay", pointer, f"there is no delay {shown(key)}", fix)


def _delay(survey: Survey, name: str, delay: Any, pointer: str) -> Iterator[Problem]:
    if _MEANT_AS_DURATION.match(name):
        yield error("bad_name", pointer, "the delay's name looks like a duration", "give it a name of letters")
    if isinstance(delay, str):
        yield from _duration(delay, pointer)
        return
    if not isinstance(delay, dict) or "duration" not in delay:
        yield error("bad_duration", pointer, "a delay says how long under `duration`",
                    'write {"duration": "PT30M"} or {"duration": {"@expr": "…"}}')  # fmt: skip
        return
    for key in delay:
        if key not in ("duration", "label", "description", "meta"):
            fix = survey.meant(key, ("duration", "label", "description", "meta")) or "put free content into `meta`"
            yield error("bad_duration", child(pointer, key), f"a delay has no key {shown(key)}", fix)
    length, at = delay["duration"], child(pointer, "duration")
    if isinstance(length, str):
        yield from _duration(length, at)
    elif not (isinstance(length, dict) and set(length) == {"@expr"} and isinstance(length["@expr"], str)):
        yield error("bad_duration", at, "a duration is text or an expression", 'write "PT30M" or {"@expr": "…"}')


def _duration(text: str, pointer: str) -> Iterator[Problem]:
    try:
        duration_of(text)
    except ValueError as bad:
        yield error("bad_duration", pointer, str(bad), _written(text))


def _written(text: str) -> str | None:
    """Milliseconds as the duration they were meant to be."""
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        return None
    seconds, rest = divmod(int(text), 1_000)
    return f"write {f'PT{seconds}.{rest:03}S' if rest else f'PT{seconds}S'!r}"


def _sla(sla: Sla, pointer: str) -> Iterator[Problem]:
    lengths: dict[str, int] = {}
    for key, text in (("warn", sla.warn), ("breach", sla.breach)):
        if text is None:
            continue
        try:
            lengths[key] = duration_of(text)
        except ValueError as bad:
            yield error("bad_duration", child(pointer, key), str(bad), _written(text))
    if len(lengths) == 2 and lengths["warn"] >= lengths["breach"]:
        yield error("bad_sla", child(pointer, "warn"), "the warning would not come before the breach",
                    "make `warn` shorter than `breach`")  # fmt: skip
