"""Reading a definition: from JSON text to typed structs, with every problem named where it stands.

What the shape of a document may be is said once, by the structs of `definition`; this module walks them. Spellings of
other versions of XState are rewritten before that.
"""

from __future__ import annotations

import functools
import hashlib
import itertools
import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any, TypeVar

import msgspec
import orjson
from msgspec import Struct, inspect

from statewright.machine import lint, salvage
from statewright.machine.definition import Definition
from statewright.machine.faults import Fault, below, first_fault
from statewright.machine.lint import limits
from statewright.machine.names import nearest
from statewright.machine.outline import Outline, outline
from statewright.machine.problem import Problem, malformed, shown, warning
from statewright.machine.rewriting import Rewritten
from statewright.machine.surroundings import ALONE, Surroundings

T = TypeVar("T", bound=Struct)

SIZE = 512 * 1024
"""The largest document, in bytes."""
REPORTED = 1_000
"""How many problems are shown at most: a document of nothing but mistakes has a hundred thousand."""

_INSTEAD = {
    "invoke": "the platform runs no code: emit an event on `entry` and let a service answer with another",
    "route": "use `on` with the event's name",
    "onError": "let the service that failed send an event, and handle it in `on`",
    "output": "keep what is needed in `context`",
    "input": "send it as `data` when the entity is created",
    "title": "write `label`",
    "transitions": "write `on`",
}


class Reading(Struct, frozen=True):
    """What came of reading a document. `definition` is None when it is malformed.

    `digest` is the SHA-256, in hex, of the document without insignificant white space; the order of keys counts.
    """

    definition: Definition | None
    problems: tuple[Problem, ...]
    digest: str

    @property
    def malformed(self) -> bool:
        """Whether the document is not of this language at all, so that not even a draft can be kept."""
        return self.definition is None

    @property
    def activable(self) -> bool:
        """Whether nothing forbids that entities live by it."""
        return all(problem.severity == "warning" for problem in self.problems)


def read_definition(text: bytes, around: Surroundings = ALONE) -> Reading:
    """Read and check a document. Never raises: all that is wrong with it comes back as problems, with places."""
    return _read_alone(text) if around == ALONE else _read(text, around)


@functools.lru_cache(maxsize=4)  # registering, activating and compiling read the same text one after the other
def _read_alone(text: bytes) -> Reading:
    return _read(text, ALONE)


def _read(text: bytes, around: Surroundings) -> Reading:
    if len(text) > SIZE:
        sentence = f"the document has {len(text):,} bytes; at most {SIZE:,} are possible"
        fix = "make several definitions of it, related to each other"
        return Reading(None, (malformed("too_large", "", sentence, fix),), "")
    try:
        places = outline(text)
    except Fault as fault:
        return Reading(None, (_of_fault(fault),), "")
    document = orjson.loads(text)
    digest = hashlib.sha256(orjson.dumps(document)).hexdigest()
    beyond = limits.too_large(document)
    if beyond:
        return Reading(None, _placed(beyond, places), digest)
    rewritten = Rewritten(document)
    try:
        definition = msgspec.convert(rewritten.document, Definition)
        if definition.id.endswith("\n"):  # which `$` in its pattern lets pass
            raise msgspec.ValidationError("a name may not end with a line's end")
    except msgspec.ValidationError as error:
        shape = [*itertools.islice(_misshapen(rewritten.document, _DEFINITION, ""), REPORTED + 1)]
        shape = shape or [malformed("wrong_type", "", str(error))]
        found = [*shape, *_beside(shape, rewritten.document, around)]
        return Reading(None, _placed(_as_sent(found, rewritten), places), digest)
    return Reading(definition, _placed(_as_sent(lint.problems_of(definition, around), rewritten), places), digest)


def is_definition(text: bytes) -> bool:
    """Whether a text is of this language, with errors or without: what `malformed` says, without any other check."""
    if len(text) > SIZE or first_fault(text) is not None:
        return False
    document = orjson.loads(text)
    try:
        msgspec.convert(Rewritten(document).document, Definition)
    except msgspec.ValidationError:
        return False
    return not limits.too_large(document)


def _beside(shape: Sequence[Problem], document: Any, around: Surroundings) -> Iterable[Problem]:
    """What is wrong besides the shape, as far as that can be said without the misshapen parts."""
    if len(shape) > REPORTED:
        return ()
    rest = salvage.salvaged(document, shape)
    return () if rest is None else salvage.independent(lint.problems_of(rest, around), shape)


def _as_sent(problems: Iterable[Problem], rewritten: Rewritten) -> Iterable[Problem]:
    """The problems with pointers into the document as it was sent."""
    for problem in problems:
        yield msgspec.structs.replace(problem, pointer=rewritten.original(problem.pointer))


def _of_fault(fault: Fault) -> Problem:
    found = malformed(fault.code, fault.pointer, fault.sentence)
    return msgspec.structs.replace(found, line=fault.spot.line, column=fault.spot.column)


def read_shape(text: bytes, kind: type[T]) -> tuple[T | None, tuple[Problem, ...]]:
    """A document that is no definition: as the struct `kind`, or None and all that is wrong with its shape."""
    try:
        places = outline(text)
    except Fault as fault:
        return None, (_of_fault(fault),)
    document = orjson.loads(text)
    shape = list(_misshapen(document, inspect.type_info(kind), ""))
    return (None, _placed(shape, places)) if shape else (msgspec.convert(document, kind), ())


def placed(problems: Iterable[Problem], text: bytes) -> tuple[Problem, ...]:
    """Problems of a document that was read, with the lines and columns where they stand in its text."""
    return _placed(problems, outline(text))


def _placed(problems: Iterable[Problem], places: Outline) -> tuple[Problem, ...]:
    """The problems with lines and columns, in the order in which they stand in the text; the gravest 1,000 of more."""
    found = sorted(problems, key=lambda problem: problem.severity == "warning")
    if len(found) > REPORTED:
        sentence = f"there are more than {REPORTED:,} problems; the gravest are shown"
        found = [*found[:REPORTED], warning("too_many_problems", "", sentence, "mend these, and check again")]
    placed = []
    for problem in found:
        offset = problem.offset
        spot = places.nearest(problem.pointer)[1] if offset is None else places.inside(problem.pointer, offset)
        placed.append(msgspec.structs.replace(problem, line=spot.line, column=spot.column))
    return tuple(sorted(placed, key=lambda problem: (problem.line or 0, problem.column or 0)))


# --- The walk over the structs -----------------------------------------------------------------------------------

_DEFINITION = inspect.type_info(Definition)
_JSON_WORDS = (
    (bool, "true or false"),
    (str, "text"),
    ((int, float), "a number"),
    (dict, "an object"),
    (list, "a list"),
)


def _word_of(value: Any) -> str:
    if value is None:
        return "null"
    return next(word for kind, word in _JSON_WORDS if isinstance(value, kind))


def _wanted(kind: inspect.Type) -> str:
    match kind:
        case inspect.StrType():
            return "text"
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return "a whole number"
        case inspect.NoneType():
            return "null"
        case inspect.LiteralType():
            return " or ".join(f"{value!r}".replace("'", '"') for value in kind.values)
        case inspect.ListType() | inspect.VarTupleType():
            return "a list"
        case inspect.UnionType():
            options = [_wanted(option) for option in kind.types if not isinstance(option, inspect.NoneType)]
            return " or ".join(dict.fromkeys(options))
        case _:
            return "an object"


def _other(pointer: str, wanted: str, value: Any) -> Problem:
    said = f" ({shown(value[:40])})" if isinstance(value, str) else ""
    return malformed("wrong_type", pointer, f"{wanted} is expected here, this is {_word_of(value)}{said}")


def _misshapen(value: Any, kind: inspect.Type, pointer: str) -> Iterable[Problem]:
    """Every place at or below `value` that is not of the shape `kind`."""
    match kind:
        case inspect.AnyType():
            return
        case inspect.StructType():
            yield from _members(value, kind, pointer)
        case inspect.DictType() if isinstance(value, dict):
            for key, item in value.items():
                if isinstance(kind.key_type, inspect.StrType) and not re.fullmatch(
                    kind.key_type.pattern or ".*", key, re.S
                ):
                    sentence = f"{key[:60]!r} cannot be a name here: it is empty or holds a dot"
                    yield malformed("bad_name", below(pointer, key), sentence)
                yield from _misshapen(item, kind.value_type, below(pointer, key))
        case inspect.ListType() | inspect.VarTupleType() if isinstance(value, list):
            for index, item in enumerate(value):
                yield from _misshapen(item, kind.item_type, below(pointer, index))
        case inspect.UnionType():
            yield from _of_union(value, kind, pointer)
        case inspect.StrType() if isinstance(value, str):
            yield from _text(value, kind, pointer)
        case inspect.LiteralType() if value in kind.values:
            return
        case inspect.BoolType() if isinstance(value, bool):
            return
        case inspect.IntType() if isinstance(value, int) and not isinstance(value, bool):
            return
        case inspect.NoneType() if value is None:
            return
        case _:
            yield _other(pointer, _wanted(kind), value)


def _members(value: Any, kind: inspect.StructType, pointer: str) -> Iterable[Problem]:
    if not isinstance(value, dict):
        yield _other(pointer, "an object", value)
        return
    fields = {field.encode_name: field for field in kind.fields}
    for key, item in value.items():
        if key in fields:
            yield from _misshapen(item, fields[key].type, below(pointer, key))
        else:
            yield _unknown(key, fields, below(pointer, key))
    for name, field in fields.items():
        if field.required and name not in value:
            yield malformed("missing_key", pointer, f"the key {name!r} is missing here", "write it")


def _unknown(key: str, known: Collection[str], pointer: str) -> Problem:
    sentence = f"the language has no key {key[:60]!r} here"
    if key in _INSTEAD:
        return malformed("unknown_key", pointer, sentence, _INSTEAD[key])
    near = nearest(key, known)
    free = "put free content into `meta`" if "meta" in known else None
    fix = f"did you mean {near!r}?" if near else free
    return malformed("unknown_key", pointer, sentence, fix)


def _of_union(value: Any, kind: inspect.UnionType, pointer: str) -> Iterable[Problem]:
    """Check against the one option that the value's JSON type chooses; msgspec allows one of each."""
    options: Sequence[inspect.Type] = kind.types
    for option in options:
        if _same_json_type(value, option):
            yield from _misshapen(value, option, pointer)
            return
    yield _other(pointer, _wanted(kind), value)


def _same_json_type(value: Any, option: inspect.Type) -> bool:
    match option:
        case inspect.StructType() | inspect.DictType():
            return isinstance(value, dict)
        case inspect.ListType() | inspect.VarTupleType():
            return isinstance(value, list)
        case inspect.IntType():
            return isinstance(value, int) and not isinstance(value, bool)
        case inspect.StrType() | inspect.LiteralType():
            return isinstance(value, str)
        case inspect.NoneType():
            return value is None
        case _:
            return isinstance(value, bool)


def _text(value: str, kind: inspect.StrType, pointer: str) -> Iterable[Problem]:
    if kind.max_length is not None and len(value) > kind.max_length:
        sentence = f"the text has {len(value)} characters; at most {kind.max_length} are possible"
        yield malformed("too_long", pointer, sentence, "shorten it")
    if kind.min_length is not None and len(value) < kind.min_length:
        yield malformed("too_short", pointer, "the text is empty", "fill it in, or leave the key out")
    elif kind.pattern is not None and not re.fullmatch(kind.pattern, value):
        fix = "use lower-case letters, digits and _, beginning with a letter"
        yield malformed("bad_name", pointer, f"{value[:60]!r} is not a name of the form {kind.pattern}", fix)
