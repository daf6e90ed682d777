"""Examples in documents, run as they stand: blocks marked `sh run`, and the answers shown under them.

All `sh run` blocks of a document run in order in one shell, so a variable set in one is there in the next. A block
`json answer` shows what the block before it printed: every key shown must be there with that value, `"…"` stands for
any value, and a last item `"…"` of a list for any further items. A block `text answer` shows lines that must be among
those printed, in order; `…` in them stands for any text.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from markdown_it import MarkdownIt
from msgspec import Struct

ADDRESSES = re.compile(r"http://127\.0\.0\.1:8[01]00\b")
"""The addresses that documents write, of the demo and of an empty server; a run puts the real one in their place."""
ANY = "…"


class Example(Struct):
    """A block that is run, the line of the document it begins at, and the answers shown under it."""

    line: int
    shell: str
    answers: list[tuple[str, str]] = []


def examples_in(document: Path) -> list[Example]:
    """The examples of a Markdown document in order."""
    found: list[Example] = []
    for token in MarkdownIt().parse(document.read_text()):
        if token.type != "fence":
            continue
        kind, _, mark = token.info.partition(" ")
        if mark == "run":
            found.append(Example(token.map[0] + 1 if token.map else 0, token.content))
        elif mark == "answer":
            found[-1].answers.append((kind, token.content))
    return found


def run(examples: list[Example], address: str, folder: Path, path: str) -> list[str]:
    """Run the examples against the server at `address`, in `folder`, with `path` to find commands by.

    Gives what each printed. Raises AssertionError with the shell's words when one fails.
    """
    script = "set -euo pipefail\n"
    for number, example in enumerate(examples):
        script += f"{{ : ; {ADDRESSES.sub(address, example.shell)}\n}} > printed.{number}\n"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        env={**os.environ, "PATH": path},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
        check=False,
    )
    printed = [folder / f"printed.{number}" for number in range(len(examples))]
    texts = [file.read_text() if file.exists() else "" for file in printed]
    reached = sum(file.exists() for file in printed)
    assert done.returncode == 0, f"line {examples[reached - 1].line}: {texts[reached - 1]}\n{done.stderr}"
    return texts


def differences(example: Example, printed: str) -> Iterator[str]:
    """How what was printed differs from what the document shows."""
    for kind, shown in example.answers:
        if kind == "json":
            yield from _unlike(json.loads(shown), json.loads(printed.strip()), "the answer")
        else:
            yield from _lines_missing(shown, printed)


def _unlike(shown: Any, found: Any, at: str) -> Iterator[str]:
    if shown == ANY:
        return
    if isinstance(shown, str) and ANY in shown and isinstance(found, str):
        if not _like(shown, found):
            yield f"{at} is {found!r}, shown is {shown!r}"
    elif isinstance(shown, dict) and isinstance(found, dict):
        for key, value in shown.items():
            if key not in found:
                yield f"{at} has no {key!r}, only {sorted(found)}"
            else:
                yield from _unlike(value, found[key], f"{at}.{key}")
    elif isinstance(shown, list) and isinstance(found, list):
        open_end = bool(shown) and shown[-1] == ANY
        wanted = shown[:-1] if open_end else shown
        if len(found) < len(wanted) or (len(found) > len(wanted) and not open_end):
            yield f"{at} has {len(found)} items, shown are {len(wanted)}: {found}"
        for index, (one, other) in enumerate(zip(wanted, found, strict=False)):
            yield from _unlike(one, other, f"{at}[{index}]")
    elif shown != found:
        yield f"{at} is {found!r}, shown is {shown!r}"


def _lines_missing(shown: str, printed: str) -> Iterator[str]:
    lines = iter(printed.splitlines())
    for wanted in shown.splitlines():
        if wanted.strip() not in ("", ANY) and not any(_like(wanted.strip(), line.strip()) for line in lines):
            yield f"no line (further down) is like {wanted!r} in:\n{printed}"
            return


def _like(shown: str, found: str) -> bool:
    return re.fullmatch(".*".join(map(re.escape, shown.split(ANY))), found, re.DOTALL) is not None
