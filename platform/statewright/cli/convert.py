"""`statewright convert`: a machine of another tool read into our language, or a definition written for another tool."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import orjson

from statewright.cli.reports import count_of, errors_among, line_of
from statewright.formats.exports import EXPORTS, document_in
from statewright.formats.imports import Source, read_foreign, source_of
from statewright.formats.notes import Note, Unreadable
from statewright.machine.problem import Problem
from statewright.machine.reading import Reading, read_definition

OURS = "statewright"
_ENDINGS = {notation.ending: name for name, notation in EXPORTS.items()} | {".puml": "plantuml", ".gv": "dot"}
_COLOURS = {"rewritten": "yellow", "lost": "red"}


@click.command()
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--from", "source", type=click.Choice([OURS, "xstate", "scxml"]), help="What FILE is; default: told by its content."
)
@click.option(
    "--to",
    "target",
    type=click.Choice([OURS, *EXPORTS]),
    help="What to write; default: told by the ending of OUT, else a definition.",
)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Where to; default: standard output."
)
def convert(file: Path, source: Source | None, target: str | None, output: Path | None) -> None:
    """Carry the machine in FILE over to another notation.

    What is said in another way there, and what is not carried, is told on standard error with its place. Ends with 1
    when nothing could be written.
    """
    text = file.read_bytes()
    target = target or _told_by(output)
    document = _read(file, text, source or source_of(text))
    if target == OURS:
        written = orjson.dumps(document, option=orjson.OPT_INDENT_2).decode() + "\n"
    else:
        exported = EXPORTS[target].write(document)
        for note in exported.notes:
            click.echo(f"{file}#{note.pointer}: {_said(note)}", err=True)
        written = exported.text
    _write(written, output)


def _told_by(output: Path | None) -> str:
    if output is None:
        return OURS
    name = output.name.lower()
    found = next(
        (_ENDINGS[ending] for ending in sorted(_ENDINGS, key=len, reverse=True) if name.endswith(ending)), None
    )
    if found is None and not name.endswith(".json"):
        raise click.UsageError(f"{output.name} does not tell what to write; say it with --to")
    return found or OURS


def _read(file: Path, text: bytes, source: Source) -> dict[str, Any]:
    """The document in our language, with all that is to be said of it told on standard error."""
    if source == "statewright":
        reading = read_definition(text)
        _tell(file, (), errors_among(reading.problems))
        _refuse_malformed(file, reading)
        return document_in(text)
    try:
        imported = read_foreign(text, source, name=file.name.partition(".")[0])
    except Unreadable as fault:
        raise click.ClickException(f"{file}:{fault.line}:{fault.column}: {fault.sentence}") from None
    # problems stand in the document that is made, which has no lines yet
    _tell(file, imported.notes, ())
    for problem in errors_among(imported.reading.problems):
        click.echo(
            f"{file}: in the definition, {problem.pointer or '/'}: {problem.sentence} [{problem.code}]", err=True
        )
    _refuse_malformed(file, imported.reading)
    return imported.document


def _refuse_malformed(file: Path, reading: Reading) -> None:
    if reading.malformed:
        errors = count_of(len(errors_among(reading.problems)), "error")
        raise click.ClickException(f"{file} has {errors}, and no definition can be made of it")


def _tell(file: Path, notes: Sequence[Note], problems: Sequence[Problem]) -> None:
    for note in notes:
        click.echo(f"{file}:{note.line or 1}:{note.column or 1}: {_said(note)}", err=True)
    for problem in problems:
        click.echo(line_of(str(file), problem), err=True)


def _said(note: Note) -> str:
    return f"{click.style(note.severity, fg=_COLOURS[note.severity], bold=True)}: {note.sentence}"


def _write(text: str, output: Path | None) -> None:
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{output} cannot be written: {error.strerror}") from None
