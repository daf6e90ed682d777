"""What exports write on an arrow."""

from __future__ import annotations

import re

from statewright.machine.chart import Arrow

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
