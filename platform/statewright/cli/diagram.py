"""`statewright diagram`: the picture of a definition, as a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from statewright.cli.reports import count_of, errors_among, line_of
from statewright.diagram import svg_now
from statewright.formats.dot import dot_of
from statewright.formats.mermaid import mermaid_of
from statewright.formats.plantuml import plantuml_of
from statewright.machine.definition import Definition
from statewright.machine.reading import read_definition

_WRITERS: dict[str, Callable[[Definition], str]] = {
    ".svg": lambda definition: svg_now(definition, standalone=True),
    ".dot": dot_of,
    ".mmd": mermaid_of,
    ".puml": plantuml_of,
}


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to; the ending says what is drawn: .svg, .dot (Graphviz), .mmd (Mermaid) or .puml (PlantUML).",
)
def diagram(file: Path, output: Path) -> None:
    """Draw the definition in FILE. One with errors is drawn as far as it goes."""
    write = _WRITERS.get(output.suffix.lower())
    if write is None:
        raise click.UsageError(f"{output.name} ends in none of {', '.join(_WRITERS)}, so it is not known what to draw")
    reading = read_definition(file.read_bytes())
    errors = errors_among(reading.problems)
    for problem in errors:
        click.echo(line_of(str(file), problem), err=True)
    if reading.definition is None:
        raise click.ClickException(f"{file} has {count_of(len(errors), 'error')} and cannot be drawn")
    try:
        output.write_text(write(reading.definition), encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{output} cannot be written: {error.strerror}") from None
