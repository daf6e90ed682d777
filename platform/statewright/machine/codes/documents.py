"""The codes for documents that are not of the language at all, or too large for it."""

from __future__ import annotations

from statewright.machine.codes.row import Row, door, opened

ROWS: dict[str, Row] = {
    "malformed": Row(
        severity="malformed",
        title="The text is not JSON as it is taken here",
        meaning="The syntax is broken, a key comes twice, the text is not UTF-8, it nests deeper than 64, or it holds "
        "a number that cannot be held exactly. Reading stops there, so it is the only problem that is reported.",
        remedy="Mend the text at `line` and `column`, and check again.",
        example='{"id": "door", "id": "gate", "states": {}}',
        pointer="/id",
        mended=door(),
    ),
    "too_large": Row(
        severity="malformed",
        title="The document is too large",
        meaning="A definition has at most 512 KB of text.",
        remedy="Split it into several definitions that are related to each other.",
    ),
    "too_costly": Row(
        severity="malformed",
        title="Reading the document takes too much",
        meaning="A server reads a large document in a process of its own, and gave that up after 15 seconds, or at 1.5 "
        "GB of memory. Found by a server; no document that keeps the other limits is known to take a tenth of it.",
        remedy="Split it into several definitions that are related to each other.",
    ),
    "unknown_key": Row(
        severity="malformed",
        title="There is no such key",
        meaning="The language has no such key in this place. Keys are never ignored, since a mistyped one would "
        "otherwise change what a definition does without anybody seeing it.",
        remedy="Write the key that the fix proposes. What is meant for people or other tools goes into `meta`.",
        example=door(lable="Door"),
        pointer="/lable",
        mended=door(label="Door"),
    ),
    "missing_key": Row(
        severity="malformed",
        title="A key is missing",
        meaning="A definition needs `id` and `states`, a relation its `entity`, a migration its `from`.",
        remedy="Add the key.",
        example={"id": "door"},
        pointer="",
        mended=door(),
    ),
    "wrong_type": Row(
        severity="malformed",
        title="A value is of another kind",
        meaning="Another kind of JSON value, or one of a few words, is expected here.",
        remedy="Write what the sentence asks for.",
        example=opened(tags="waiting", on={"SHUT": "closed", "BREAK": "broken"}),
        pointer="/states/open/tags",
        mended=opened(tags=["waiting"], on={"SHUT": "closed", "BREAK": "broken"}),
    ),
    "too_long": Row(
        severity="malformed",
        title="A text is too long",
        meaning="Labels have at most 200 characters, descriptions at most 2,000.",
        remedy="Shorten it; `meta` holds longer texts.",
        example=door(label="d" * 201),
        pointer="/label",
        mended=door(label="Door"),
    ),
    "too_short": Row(
        severity="malformed",
        title="A text is empty",
        meaning="The `id` of a definition cannot be empty.",
        remedy="Fill it in.",
        example=door(id=""),
        pointer="/id",
        mended=door(),
    ),
    "bad_name": Row(
        severity="error",
        also="malformed",
        title="A name is not possible",
        meaning="The `id` of a definition is made of lower-case letters, digits and `_`. Names of states and ids of "
        "states have 1 to 100 letters, digits, spaces and `_ - : / ( )` in any script, in Unicode's composed form "
        "(NFC), beginning with a letter or `_`, without a space at the ends; other names may hold `. = [ ]` besides. "
        "Invisible characters and marks of direction are not possible. Events that begin with `xstate.`, `done.`, "
        "`error.`, `after.` or `statewright.` are the platform's own. A document whose `id`, or a state whose name, "
        "no path could hold is malformed.",
        remedy="Write another name, and keep the old one as `label`.",
        example=door(states={**door()["states"], "ajar!": {}}),
        pointer="/states/ajar!",
        mended=door(),
    ),
    "too_many": Row(
        severity="error",
        also="malformed",
        title="A limit is exceeded",
        meaning="A definition has at most 1,000 states and 5,000 branches; at most 64 leaves can be active and 64 "
        "timers run at once; a branch leads to at most 64 states, and carries out at most 64 actions. The patterns "
        "of all schemas together, and those of all expressions, come to at most 100,000 steps of an automaton "
        "(`x{1,900}` to about 1,800). Beyond the first two the document is refused; with larger patterns in schemas, "
        "nothing else is checked.",
        remedy="Make entities of their own of what is independent, and relate them.",
        example=opened(on={"SHUT": "closed", "BREAK": "broken"}, entry=["notify"] * 65),
        pointer="/states/open/entry",
        mended=opened(on={"SHUT": "closed", "BREAK": "broken"}, entry=["notify"]),
    ),
    "too_many_problems": Row(
        severity="warning",
        title="There are more problems than are shown",
        meaning="The gravest 1,000 problems are reported; there are more.",
        remedy="Mend these, and check again.",
    ),
    "not_compilable": Row(
        severity="error",
        title="The machine cannot be made of the document",
        meaning="Found by a server on activation, where the checks let something pass that stands in the way of "
        "compiling; the sentence says what.",
        remedy="Mend the place that the pointer names.",
    ),
    "not_supported_yet": Row(
        severity="error",
        title="This release does not carry it out yet",
        meaning="It belongs to the language and has been checked, but this release cannot do it: the action `send`, "
        "`migrations` and `partition_by`.",
        remedy="Keep the draft, and activate it after an upgrade.",
        example=door(migrations=[{"from": [1]}]),
        pointer="/migrations",
        mended=door(),
    ),
}
