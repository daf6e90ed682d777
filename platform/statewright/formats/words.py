"""What exports write on an arrow."""

from __future__ import annotations

import re
from collections.abc import Container

from statewright.machine.chart import ROOT, Arrow, Chart

_NOT_IN_ID = re.compile(r"\W")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


def arrow_words(arrow: Arrow) -> str:
    """`EVENT [guard] by role, role`, as UML writes a transition, with what is kept to the state said in words."""
    words = [arrow.label or arrow.words]
    if arrow.guard or arrow.otherwise:
        words.append(f"[{arrow.guard or 'else'}]")
    if arrow.allow:
        words.append(f"by {', '.join(arrow.allow)}")
    if arrow.forbids:
        words.append("(not taken here)")
    elif not arrow.targets:
        words.append("(stays)")
    return " ".join(words)


def plain(text: str) -> str:
    """Text on one line, without what no notation can hold: control characters become spaces."""
    return " ".join(_CONTROL.sub(" ", text).split())


def ids_of(chart: Chart, reserved: Container[str], root: str) -> dict[str, str]:
    """An id for every path: the path itself where it is a word, else as near as can be; no two alike.

    `reserved` are words that the notation keeps for itself, in lower case; `root` stands for any state.
    """
    ids = {ROOT: root}
    taken = {root}
    for path in chart.boxes:
        wanted = _NOT_IN_ID.sub("_", path).strip("_") or "state"
        if wanted.lower() in reserved or wanted[0].isdigit():
            wanted = f"{wanted}_"
        name, number = wanted, 2
        while name in taken:
            name, number = f"{wanted}_{number}", number + 1
        ids[path] = name
        taken.add(name)
    return ids
