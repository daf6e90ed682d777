"""Scenario files: what they may hold, and how one is played against a machine. See docs/reference/scenarios.md."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from statewright.machine.compile import Machine, compile_machine, state_text
from statewright.machine.decide import Accepted, Event, Refused, decide
from statewright.machine.reading import read_definition
from statewright.machine.record import Actor, Head

DEFINITIONS = Path(__file__).parents[2] / "definitions"


class Sent(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One command, in the words of the API; `actor` may be a name from the file's `actors`."""

    event: str | None
    data: dict[str, Any] = {}
    actor: str | Actor = Actor()
    expected_version: int | None = None
    create: dict[str, Any] | bool = True


class Then(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is expected of the last command. What is not named is not looked at; `why` expects a refusal."""

    state: str | list[str] | None = None
    why: str | None = None
    version: int | None = None
    data: dict[str, Any] = {}
    allowed: list[str] | None = None
    final: bool | None = None


class Scenario(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One example of a life: `given` these commands, all accepted, `when` this one is sent, `then` this is so.

    Text in `given` names an earlier scenario, whose commands stand in its place.
    """

    name: str
    description: str | None = None
    given: list[str | Sent] = []
    when: Sent
    then: Then


class ScenarioFile(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, rename={"schema_uri": "$schema"}):
    """All scenarios of one definition, which lies beside the file."""

    schema_uri: str | None = None
    definition: str
    actors: dict[str, Actor] = {}
    scenarios: list[Scenario]


def read_scenarios(path: Path) -> ScenarioFile:
    """The file at `path`. Raises msgspec.ValidationError, naming the place, for one that is not of this shape."""
    return msgspec.json.decode(path.read_bytes(), type=ScenarioFile)


def machine_of(path: Path) -> Machine:
    """The compiled definition at `path`. Raises ValueError with all its problems when it has errors."""
    reading = read_definition(path.read_bytes())
    if reading.definition is None or not reading.activable:
        raise ValueError("\n".join(f"{problem.pointer}: {problem.sentence}" for problem in reading.problems))
    return compile_machine(reading.definition, revision=1, digest=reading.digest)


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of scenario files, for editors."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Statewright scenarios",
        **msgspec.json.schema(ScenarioFile),
    }


def differences(file: ScenarioFile, scenario: Scenario, machine: Machine) -> list[str]:
    """What came out otherwise than `scenario` says, a sentence each; empty when it holds."""
    head: Head | None = None
    for number, sent in enumerate(_commands_before(file, scenario), 1):
        outcome = decide(machine, head, _event(file, sent))
        if isinstance(outcome, Refused):
            return [f"given {number}, {sent.event}, was refused: {outcome.detail}"]
        head = _after(head, outcome)
    outcome = decide(machine, head, _event(file, scenario.when))
    if isinstance(outcome, Refused):
        if scenario.then.why is None:
            return [f"{scenario.when.event} was refused ({outcome.why}): {outcome.detail}"]
        return [*_unlike("why", scenario.then.why, outcome.why.value), *_at(machine, head, scenario.then)]
    if scenario.then.why is not None:
        return [f"{scenario.when.event} was accepted, not refused as {scenario.then.why}"]
    return _at(machine, _after(head, outcome), scenario.then)


def _commands_before(file: ScenarioFile, scenario: Scenario) -> Iterator[Sent]:
    for item in scenario.given:
        if isinstance(item, str):
            earlier = _earlier(file, scenario, item)
            yield from _commands_before(file, earlier)
            yield earlier.when
        else:
            yield item


def _earlier(file: ScenarioFile, scenario: Scenario, name: str) -> Scenario:
    """The scenario called `name`; only one further up, so that none can lead back to itself."""
    for candidate in file.scenarios:
        if candidate is scenario:
            break
        if candidate.name == name:
            return candidate
    raise LookupError(f"{scenario.name!r}: no scenario above it is called {name!r}")


def _event(file: ScenarioFile, sent: Sent) -> Event:
    actor = file.actors[sent.actor] if isinstance(sent.actor, str) else sent.actor
    return Event(sent.event, dict(sent.data), actor, sent.expected_version, sent.create)


def _after(head: Head | None, accepted: Accepted) -> Head:
    return Head(version=head.version + 1 if head else 1, revision=1, leaves=accepted.to, data=accepted.data)


def _at(machine: Machine, head: Head | None, then: Then) -> list[str]:
    """How the entity at `head` differs from what is expected of it."""
    if head is None:
        wanted = [name for name in ("state", "version", "final") if getattr(then, name) is not None]
        return [f"{name} is expected, but there is no entity" for name in wanted]
    found = [
        *_unlike("state", then.state, state_text(head.leaves)),
        *_unlike("version", then.version, head.version),
        *_unlike("final", then.final, machine.is_final(head.leaves)),
        *_unlike("allowed", then.allowed, list(machine.allowed(head.leaves))),
    ]
    for field, value in then.data.items():
        found += _data_unlike(head.data, field, value)
    return found


def _data_unlike(data: dict[str, Any], field: str, wanted: object) -> Sequence[str]:
    if wanted == {"@unset": True}:
        return [f"data.{field} is {data[field]!r}, and should not be there"] if field in data else []
    if field not in data:
        return [f"data.{field} is not there; {wanted!r} is expected"]
    return _unlike(f"data.{field}", wanted, data[field], none_counts=True)


def _unlike(name: str, wanted: object, found: object, *, none_counts: bool = False) -> list[str]:
    if (wanted is None and not none_counts) or msgspec.json.encode(wanted) == msgspec.json.encode(found):
        return []
    return [f"{name} is {found!r}; {wanted!r} is expected"]
