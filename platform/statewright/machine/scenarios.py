"""Scenario files: examples of lives under a definition, and how such a file is read. `playing` plays them.

See the reference, "Scenario files".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Struct, UnsetType

from statewright.machine.decide import Why
from statewright.machine.moments import duration_of, micros_of
from statewright.machine.names import nearest
from statewright.machine.problem import Problem, pointer_of
from statewright.machine.reading import placed, read_shape
from statewright.machine.record import ANONYMOUS, Actor

BEGINS = "2026-01-01T00:00:00Z"
"""When the simulated clock begins, unless the file says otherwise."""


class Act(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """A command in the words of the API, a wait, or a wait and then a command.

    `actor` may be a name from the file's `actors`. `after` lets the simulated clock run on first, and fires the timers
    that become due meanwhile; it is an ISO 8601 duration.
    """

    after: str | None = None
    event: str | UnsetType | None = UNSET
    data: dict[str, Any] = {}
    actor: str | Actor = ANONYMOUS
    occurred_at: str | None = None
    expected_version: int | None = None
    create: dict[str, Any] | bool = True


class Then(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What is expected after the last act. What is not named is not looked at; `why` expects a refusal."""

    state: str | list[str] | None = None
    why: str | None = None
    version: int | None = None
    data: dict[str, Any] = {}
    allowed: list[str] | None = None
    final: bool | None = None


class Scenario(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """One example of a life: `given` these acts, none of them refused, `when` this one comes, `then` this is so.

    Text in `given` names an earlier scenario, whose acts stand in its place.
    """

    name: str
    description: str | None = None
    given: list[str | Act] = []
    when: Act
    then: Then


class ScenarioFile(
    Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True, rename={"schema_uri": "$schema"}
):
    """All scenarios of one definition, which lies beside the file. `begins` is when the simulated clock begins."""

    schema_uri: str | None = None
    definition: str
    begins: str = BEGINS
    actors: dict[str, Actor] = {}
    scenarios: list[Scenario]


class ScenarioReading(Struct, frozen=True):
    """What came of reading a file. `file` is None when something is wrong with it."""

    file: ScenarioFile | None
    problems: tuple[Problem, ...]


def read_scenarios(text: bytes) -> ScenarioReading:
    """Read a scenario file. Never raises: all that is wrong with it comes back as problems, with line and column."""
    file, problems = read_shape(text, ScenarioFile)
    if file is not None:
        problems = placed(_problems_of(file), text)
    return ScenarioReading(None if problems else file, problems)


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of scenario files, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Statewright scenarios",
        **msgspec.json.schema(ScenarioFile),
    }


def acts_before(file: ScenarioFile, scenario: Scenario) -> Iterator[Act]:
    """What is `given`, scenarios named in it spelled out. The file is one that was read without problems."""
    above = {each.name: each for each in file.scenarios}
    for item in scenario.given:
        if isinstance(item, Act):
            yield item
        else:
            yield from acts_before(file, above[item])
            yield above[item].when


# --- What is wrong beyond the shape ---

SAME_NAME = "same_name"
UNKNOWN_SCENARIO = "unknown_scenario"
UNKNOWN_ACTOR = "unknown_actor"
UNKNOWN_REASON = "unknown_reason"
NOTHING_HAPPENS = "nothing_happens"
BAD_TIME = "bad_time"
CODES = (SAME_NAME, UNKNOWN_SCENARIO, UNKNOWN_ACTOR, UNKNOWN_REASON, NOTHING_HAPPENS, BAD_TIME)
"""What can be wrong with a file of the right shape; the reference explains each."""

_REASONS = tuple(why.value for why in Why)


def _problems_of(file: ScenarioFile) -> Iterator[Problem]:
    above: dict[str, Scenario] = {}
    yield from _time(file.begins, pointer_of("begins"))
    for index, scenario in enumerate(file.scenarios):
        at = ("scenarios", index)
        if scenario.name in above:
            yield _fault(SAME_NAME, f"another scenario above is called {scenario.name!r} too", *at, "name")
        for number, item in enumerate(scenario.given):
            if isinstance(item, Act):
                yield from _of_act(file, item, (*at, "given", number))
            elif item not in above:
                sentence = f"no scenario above this one is called {item!r}"
                yield _fault(UNKNOWN_SCENARIO, sentence, *at, "given", number, meant=nearest(item, above))
        yield from _of_act(file, scenario.when, (*at, "when"))
        why = scenario.then.why
        if why is not None and why not in _REASONS:
            sentence = f"no event is refused with the reason {why!r}"
            yield _fault(UNKNOWN_REASON, sentence, *at, "then", "why", meant=nearest(why, _REASONS))
        above.setdefault(scenario.name, scenario)


def _of_act(file: ScenarioFile, act: Act, at: Sequence[str | int]) -> Iterator[Problem]:
    if act.event is UNSET and act.after is None:
        yield _fault(NOTHING_HAPPENS, "name an `event` (null creates the entity), or wait with `after`", *at)
    if isinstance(act.actor, str) and act.actor not in file.actors:
        sentence = f"`actors` names no {act.actor!r}"
        yield _fault(UNKNOWN_ACTOR, sentence, *at, "actor", meant=nearest(act.actor, file.actors))
    if act.occurred_at is not None:
        yield from _time(act.occurred_at, pointer_of(*at, "occurred_at"))
    if act.after is not None:
        yield from _wait(act.after, pointer_of(*at, "after"))


def _time(text: str, pointer: str) -> Iterator[Problem]:
    try:
        micros_of(text)
    except ValueError as error:
        yield Problem(code=BAD_TIME, severity="error", pointer=pointer, sentence=str(error))


def _wait(text: str, pointer: str) -> Iterator[Problem]:
    try:
        duration_of(text)
    except ValueError as error:
        yield Problem(code=BAD_TIME, severity="error", pointer=pointer, sentence=str(error))


def _fault(code: str, sentence: str, *at: str | int, meant: str | None = None) -> Problem:
    fix = f"did you mean {meant!r}?" if meant else None
    return Problem(code=code, severity="error", pointer=pointer_of(*at), sentence=sentence, fix=fix)
