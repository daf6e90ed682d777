"""`statewright check`: what is wrong with definitions, as a compiler would say it."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from statewright.catalog.personal import FLAG, unprotected
from statewright.cli.reports import count_of, errors_among, line_of
from statewright.machine.problem import Problem
from statewright.machine.reading import placed, read_definition

NOT_DEFINITIONS = (".scenarios.json", ".schema.json")
"""Files that lie beside definitions and are something else, so that `check definitions/*.json` does what is meant."""


@click.command()
@click.argument("files", metavar="FILE…", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    FLAG,
    "allows_personal",
    is_flag=True,
    envvar="STATEWRIGHT_ALLOW_UNPROTECTED_PERSONAL_DATA",
    help="Let personal fields pass, as a server started with this option does.",
)
def check(files: tuple[Path, ...], allows_personal: bool) -> None:
    """Say all that is wrong with definitions, with file, line and column.

    Ends with 1 when one of them has errors; warnings forbid nothing.
    """
    checked = errors = warnings = 0
    for file in files:
        if file.name.endswith(NOT_DEFINITIONS):
            click.echo(f"{file}: not a definition, left out", err=True)
            continue
        checked += 1
        try:
            problems = _problems_of(file.read_bytes(), allows_personal)
        except OSError as error:
            click.echo(f"{file}: cannot be read: {error.strerror}", err=True)
            errors += 1
            continue
        for problem in problems:
            click.echo(line_of(str(file), problem))
        errors += len(errors_among(problems))
        warnings += len(problems) - len(errors_among(problems))
    found = f"{count_of(errors, 'error')}, {count_of(warnings, 'warning')}"
    click.echo(f"{count_of(checked, 'definition')} checked: {found}", err=True)
    sys.exit(1 if errors else 0)


def _problems_of(text: bytes, allows_personal: bool) -> list[Problem]:
    """What a server would find, but for what it alone knows: which other types are registered."""
    reading = read_definition(text)
    if reading.definition is None or allows_personal:
        return list(reading.problems)
    return [*reading.problems, *placed(unprotected(reading.definition), text)]
