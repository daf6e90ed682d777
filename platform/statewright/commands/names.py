"""Which ids callers may give: for entities, and for the commands they send."""

from __future__ import annotations

import re
import unicodedata

OURS = "sw:"
"""Command ids that begin like this are the platform's own, as those of timers. What is made for a call without one does
not: its sender may have to send it."""

ENTITY_ID_BYTES = 200
COMMAND_ID_CHARACTERS = 255
_PLAIN_ENTITY_ID = re.compile(r"[A-Za-z0-9_:-][A-Za-z0-9_.:-]{0,199}").fullmatch
"""What nearly all ids look like, and nothing is wrong with; the rest is looked at closely."""
_PLAIN_COMMAND_ID = re.compile(r"(?!sw:)[ -~]{1,255}").fullmatch


def fault_of_entity_id(id: str) -> str | None:
    """What is wrong with an entity's id, as the end of a sentence; None when it is fine.

    An id stands in paths, in logs and on screens, so what cannot be seen or would be read in two ways is kept out.
    `isprintable` leaves out all that Unicode calls control, format (bidi marks among them), surrogate, private or
    unassigned, and every space but the plain one.
    """
    if _PLAIN_ENTITY_ID(id):
        return None
    if not id:
        return "is empty"
    if len(id.encode("utf-8", "surrogatepass")) > ENTITY_ID_BYTES:
        return f"is longer than {ENTITY_ID_BYTES} bytes of UTF-8"
    if not id.isprintable():
        hidden = next(character for character in id if not character.isprintable())
        return f"holds U+{ord(hidden):04X}, which cannot be seen or printed"
    if "/" in id or "\\" in id:
        return "holds a slash or a backslash"
    if id[0] == " " or id[-1] == " ":
        return "begins or ends with a space"
    if id in (".", ".."):
        return "means a folder in a path"
    if not id.isascii() and not unicodedata.is_normalized("NFC", id):
        return "is not in Unicode's composed form (NFC)"
    return None


def fault_of_command_id(id: str) -> str | None:
    """What is wrong with a command's id as given by a caller, as the end of a sentence; None when it is fine."""
    if _PLAIN_COMMAND_ID(id):
        return None
    if not 1 <= len(id) <= COMMAND_ID_CHARACTERS:
        return f"is not 1 to {COMMAND_ID_CHARACTERS} characters long"
    if not (id.isascii() and id.isprintable()):
        return "holds something other than printable ASCII"
    if id.startswith(OURS):
        return f"begins with {OURS}, which the platform keeps for itself"
    return None
