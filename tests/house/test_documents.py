"""What is public is documented (commands, options, calls, problems, fields of a record), and links lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from markdown_it import MarkdownIt
from msgspec.structs import fields

from statewright.cli import main
from statewright.machine.record import Record

HOUSE = Path(__file__).parents[2]
REFERENCE = HOUSE / "docs" / "reference"
DOCUMENTS = [*sorted(HOUSE.glob("*.md")), *sorted((HOUSE / "docs").rglob("*.md"))]


def commands(group: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, click.Command]]:
    """Every command that does something, with its name as people type it."""
    if isinstance(group, click.Group):
        for name, command in group.commands.items():
            yield from commands(command, (*path, name))
    else:
        yield " ".join(path), group


def links_of(document: Path) -> Iterator[str]:
    """The addresses of links and pictures in a document."""
    for token in MarkdownIt().parse(document.read_text()):
        for child in token.children or ():
            address = child.attrs.get("href") or child.attrs.get("src")
            if address:
                yield str(address)


def anchors_of(document: Path) -> set[str]:
    """The anchors that headings make, as usual: lower case, hyphens for spaces, no punctuation."""
    headings = re.findall(r"^#+ (.*)$", document.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def section_of(document: Path, title: str) -> str:
    """The text under a heading, up to the next one of its level."""
    found = re.search(rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", document.read_text(), re.MULTILINE | re.DOTALL)
    return found.group(1) if found else ""


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(HOUSE)))
def test_a_link_between_documents_leads_somewhere(document: Path) -> None:
    astray = []
    for link in links_of(document):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = document if not path else document.parent / path
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            astray.append(link)

    assert astray == []


@pytest.mark.parametrize(("name", "command"), [*commands(main)])
def test_a_command_and_each_of_its_options_is_documented(name: str, command: click.Command) -> None:
    section = section_of(REFERENCE / "command-line.md", f"`statewright {name}`")
    options = [option for option in command.params if isinstance(option, click.Option) and not option.hidden]

    assert section, f"docs/reference/command-line.md has no section `statewright {name}`"
    assert [option.opts[-1] for option in options if f"`{option.opts[-1]}" not in section] == []


def test_every_variable_that_sets_something_is_documented() -> None:
    text = (REFERENCE / "command-line.md").read_text()
    options = [option for _, command in commands(main) for option in command.params if isinstance(option, click.Option)]
    variables = {option.envvar for option in options if isinstance(option.envvar, str)}

    assert {variable for variable in variables if f"`{variable}`" not in text} == set()


def test_every_field_of_the_record_is_documented() -> None:
    text = (REFERENCE / "record.md").read_text()

    assert [field.encode_name for field in fields(Record) if f"`{field.encode_name}`" not in text] == []
