"""`statewright test`: plays the scenarios beside definitions, and proposes them."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import click
import msgspec
from msgspec import Struct

from statewright.cli.reports import count_of, errors_among, line_of
from statewright.machine.compile import Machine, compile_machine
from statewright.machine.coverage import Coverage, Goal, What, uncovered
from statewright.machine.faults import Spot
from statewright.machine.outline import Outline, outline
from statewright.machine.playing import Played, play
from statewright.machine.problem import Problem
from statewright.machine.proposals import propose
from statewright.machine.reading import read_definition
from statewright.machine.scenarios import ScenarioFile, read_scenarios

BESIDE = ".scenarios.json"
_WORTH: tuple[What, ...] = ("states", "transitions", "branches", "refusals")


class Tested(Struct):
    """What came of one scenario file. `coverage` is None when its scenarios could not be played."""

    file: Path
    definition: Path | None = None
    problems: list[tuple[Path, Problem]] = []
    played: list[tuple[Played, list[Spot]]] = []
    coverage: Coverage | None = None
    places: Outline | None = None

    @property
    def failed(self) -> int:
        """How many scenarios do not hold."""
        return sum(not played.holds for played, _ in self.played)

    @property
    def holds(self) -> bool:
        """Whether the file could be played and everything came out as it says."""
        return not self.problems and not self.failed


@click.command()
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--strict", is_flag=True, help="End with 1 too when a state, transition or branch is not covered.")
@click.option("--generate", is_flag=True, help="Instead: propose scenarios for one definition.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="With --generate: a new file to write them to.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="How to say what came out.",
)
def test(
    files: tuple[Path, ...], strict: bool, generate: bool, output: Path | None, form: Literal["text", "json"]
) -> None:
    """Play the scenarios of definitions, and say what of the definitions they cover.

    FILE is a scenario file, or a definition with one beside it: order.json and order.scenarios.json. Ends with 1 when a
    scenario does not hold.
    """
    if generate:
        _generate(files, output)
        return
    if output is not None:
        raise click.UsageError("--output goes with --generate")
    tested = [_tested(file) for file in _scenario_files(files)]
    if not tested:
        raise click.UsageError("none of the files is a definition or a scenario file")
    if form == "json":
        click.echo(msgspec.json.format(msgspec.json.encode([_as_json(each) for each in tested]), indent=2))
    else:
        for each in tested:
            _say(each)
    lacking = strict and any(each.coverage and _lacking(each.coverage) for each in tested)
    sys.exit(0 if all(each.holds for each in tested) and not lacking else 1)


def _scenario_files(files: Iterable[Path]) -> list[Path]:
    """The scenario files meant, each once; a definition means the one beside it."""
    meant: dict[Path, None] = {}
    for file in files:
        if file.name.endswith(".schema.json"):
            click.echo(f"{file}: neither a definition nor scenarios, left out", err=True)
        elif file.name.endswith(BESIDE):
            meant.setdefault(file)
        else:
            meant.setdefault(file.with_name(file.name.removesuffix(".json") + BESIDE))
    return [*meant]


# --- Playing ---


def _tested(path: Path) -> Tested:
    tested = Tested(path)
    text = _text(path, tested, "`statewright test --generate` proposes scenarios")
    if text is None:
        return tested
    reading = read_scenarios(text)
    tested.problems += [(path, problem) for problem in reading.problems]
    if reading.file is not None:
        tested.definition = path.parent / reading.file.definition
        machine = _machine(tested.definition, tested)
        if machine is not None:
            _play(reading.file, text, machine, tested)
    return tested


def _play(file: ScenarioFile, text: bytes, machine: Machine, tested: Tested) -> None:
    places = outline(text)
    tested.coverage = Coverage(machine)
    for index in range(len(file.scenarios)):
        played = play(file, index, machine)
        tested.played.append((played, [places.nearest(each.pointer)[1] for each in played.differences]))
        tested.coverage.add(played.decided)


def _machine(path: Path, tested: Tested) -> Machine | None:
    text = _text(path, tested, "name it in `definition`, as a path from the scenario file")
    if text is None:
        return None
    reading = read_definition(text)
    if reading.definition is None or not reading.activable:
        tested.problems += [(path, problem) for problem in errors_among(reading.problems)]
        return None
    tested.places = outline(text)
    return compile_machine(reading.definition, revision=1, digest=reading.digest)


def _text(path: Path, tested: Tested, fix: str) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError as error:
        said = f"the file cannot be read: {error.strerror}"
        problem = Problem(code="unreadable", severity="malformed", pointer="", sentence=said, fix=fix)
        tested.problems.append((path, problem))
        return None


# --- Saying ---


def _say(tested: Tested) -> None:
    for path, problem in tested.problems:
        click.echo(line_of(str(path), problem))
    for played, spots in tested.played:
        for difference, spot in zip(played.differences, spots, strict=True):
            said = click.style("error", fg="red", bold=True)
            place = f"{tested.file}:{spot.line}:{spot.column}"
            click.echo(f"{place}: {said}: {difference.sentence} [{played.name}]")
    if tested.coverage is None:
        return
    for goal, spot in _places(tested):
        note = click.style("note", fg="cyan", bold=True)
        click.echo(f"{tested.definition}:{spot.line}:{spot.column}: {note}: not covered: {goal.words}")
    held = len(tested.played) - tested.failed
    click.echo(f"{tested.file}: {count_of(len(tested.played), 'scenario')}, {_all(held, len(tested.played))}", err=True)
    for what in _WORTH:
        goals, shown = len(tested.coverage.goals[what]), len(tested.coverage.shown[what])
        share = "" if not goals else f"{shown / goals:>6.0%}"
        click.echo(f"  {what:<12}{shown:>5} of {goals:<5}{share}".rstrip(), err=True)


def _all(held: int, of: int) -> str:
    if held == of:
        return "all of them hold" if of != 1 else "it holds"
    return f"{of - held} of them {'do' if of - held > 1 else 'does'} not hold"


def _places(tested: Tested) -> Iterator[tuple[Goal, Spot]]:
    """What is not covered, in the order of the document."""
    coverage, places = tested.coverage, tested.places
    if coverage is None or places is None:
        return
    for goal in sorted(uncovered(coverage), key=lambda goal: places.nearest(goal.pointer)[1]):
        yield goal, places.nearest(goal.pointer)[1]


def _lacking(coverage: Coverage) -> bool:
    return any(coverage.missing(what) for what in ("states", "transitions", "branches"))


def _as_json(tested: Tested) -> dict[str, Any]:
    coverage = tested.coverage
    return {
        "file": str(tested.file),
        "definition": None if tested.definition is None else str(tested.definition),
        "problems": [{"file": str(path), **msgspec.to_builtins(problem)} for path, problem in tested.problems],
        "scenarios": [
            {
                "name": played.name,
                "holds": played.holds,
                "differences": [
                    {"pointer": each.pointer, "line": spot.line, "column": spot.column, "sentence": each.sentence}
                    for each, spot in zip(played.differences, spots, strict=True)
                ],
            }
            for played, spots in tested.played
        ],
        "coverage": None
        if coverage is None
        else {
            what: {
                "covered": len(coverage.shown[what]),
                "of": len(coverage.goals[what]),
                "missing": [msgspec.to_builtins(goal) for goal in coverage.missing(what)],
            }
            for what in _WORTH
        },
    }


# --- Proposing ---


def _generate(files: Sequence[Path], output: Path | None) -> None:
    if len(files) != 1:
        raise click.UsageError("--generate takes one definition at a time")
    path = files[0]
    tested = Tested(path)
    machine = _machine(path, tested)
    if machine is None:
        for where, problem in tested.problems:
            click.echo(line_of(str(where), problem), err=True)
        raise click.ClickException(f"{path} cannot be played")
    proposed = propose(machine, path.name)
    text = pretty(proposed.file)
    if output is None:
        click.echo(text, nl=False)
    else:
        _write_new(output, text)
    for goal in uncovered(proposed.coverage):
        click.echo(f"not covered: {goal.words}", err=True)
    click.echo(f"{count_of(len(proposed.file.scenarios), 'scenario')} proposed", err=True)


def _write_new(output: Path, text: str) -> None:
    try:
        with output.open("x") as file:
            file.write(text)
    except FileExistsError:
        raise click.ClickException(f"{output} is there already; name another file, or remove it first") from None
    except OSError as error:
        raise click.ClickException(f"{output} cannot be written: {error.strerror}") from None


def pretty(file: ScenarioFile) -> str:
    """A scenario file as people write them: one line for each act and each expectation."""
    document = msgspec.to_builtins(file)
    lines = [f'  "definition": {_line(document["definition"])}']
    if file.actors:
        actors = ",\n".join(f"    {_line(name)}: {_line(actor)}" for name, actor in document["actors"].items())
        lines.append(f'  "actors": {{\n{actors}\n  }}')
    scenarios = ",\n".join(_scenario_lines(scenario) for scenario in document["scenarios"])
    lines.append(f'  "scenarios": [\n{scenarios}\n  ]')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _scenario_lines(scenario: dict[str, Any]) -> str:
    members = ",\n".join(f"      {_line(key)}: {_line(value)}" for key, value in scenario.items())
    return f"    {{\n{members}\n    }}"


def _line(value: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=0).decode()
