"""Problems of definitions as a compiler would print them, and the one way a command gives up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from statewright.machine.compile import Machine, compile_machine
from statewright.machine.problem import Problem
from statewright.machine.reading import read_definition

_COLOURS = {"malformed": "red", "error": "red", "warning": "yellow"}


def line_of(file: str, problem: Problem) -> str:
    """`file:line:column: severity: sentence [code]`, and what to do about it on a line of its own."""
    place = f"{file}:{problem.line or 1}:{problem.column or 1}: "
    severity = "error" if problem.severity == "malformed" else problem.severity
    said = click.style(severity, fg=_COLOURS[problem.severity], bold=True)
    line = f"{place}{said}: {problem.sentence} [{problem.code}]"
    return f"{line}\n    {problem.fix}" if problem.fix else line


def count_of(number: int, what: str) -> str:
    """`1 error`, `2 errors`, `no errors`."""
    return f"{number or 'no'} {what}{'' if number == 1 else 's'}"


def errors_among(problems: Sequence[Problem]) -> list[Problem]:
    """The problems that forbid activation."""
    return [problem for problem in problems if problem.severity != "warning"]


def machine_in(file: Path) -> Machine:
    """The machine that a definition file describes; a command that needs one ends here if it has errors."""
    reading = read_definition(file.read_bytes())
    if reading.definition is None or not reading.activable:
        for problem in errors_among(reading.problems):
            click.echo(line_of(str(file), problem), err=True)
        raise click.ClickException(f"{file} has {count_of(len(errors_among(reading.problems)), 'error')}")
    return compile_machine(reading.definition, revision=1, digest=reading.digest)
