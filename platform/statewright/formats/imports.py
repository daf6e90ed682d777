"""Machines of other tools read into our language, whatever notation they come in."""

from __future__ import annotations

from typing import Literal

import orjson

from statewright.formats.folding import is_ours
from statewright.formats.notes import Imported
from statewright.formats.scxml.reading import read_scxml
from statewright.formats.xstate.reading import read_xstate
from statewright.machine.reading import is_definition
from statewright.machine.rewriting import Rewritten

Source = Literal["statewright", "xstate", "scxml"]


def read_foreign(text: bytes, source: Literal["xstate", "scxml"], *, name: str = "machine") -> Imported:
    """Read a machine; `name` is what it is called where it has no name of its own. Raises Unreadable."""
    return read_scxml(text, name=name) if source == "scxml" else read_xstate(text, name=name)


def source_of(text: bytes) -> Source:
    """What a text is written in, as far as it tells. JSON that our own reader takes as it stands is ours."""
    if text.lstrip(b"\xef\xbb\xbf \t\r\n").startswith((b"<", b"\xff\xfe", b"\xfe\xff")):
        return "scxml"
    if not is_definition(text):
        return "xstate"
    document = orjson.loads(text)
    # what is spelled as other versions of XState spell it was not written for us, though our reader would take it
    foreign = is_ours(document) or Rewritten(document).document != document
    return "xstate" if foreign else "statewright"
