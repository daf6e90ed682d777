"""Functions, methods and macros: which there are, what they take, and what to write instead of others."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from statewright.machine.expressions import syntax, tree
from statewright.machine.expressions.kinds import (
    BOOL,
    DOUBLE,
    DURATION,
    DYNAMIC,
    INT,
    STRING,
    TIMESTAMP,
    Kind,
    Type,
    joined,
    list_of,
)
from statewright.machine.expressions.operations import OPERATIONS, Failure
from statewright.machine.expressions.operators import as_double_beside
from statewright.machine.expressions.patterns import BadPattern, compiled
from statewright.machine.expressions.presence import Facts, known_after
from statewright.machine.expressions.times import OF_DURATION, OF_TIMESTAMP, zone_of
from statewright.machine.expressions.variables import FIXED_PARTS, NAMES
from statewright.machine.names import nearest

if TYPE_CHECKING:
    from statewright.machine.expressions.check import Checker, Locals

MACROS = ("all", "exists", "exists_one", "map", "filter")
NESTING = 2
"""How deep macros may stand in one another."""

CONVERSIONS: dict[str, tuple[str, Type, frozenset[Kind]]] = {
    "string": ("to_string", STRING, frozenset({"string", "int", "double", "bool", "timestamp", "duration"})),
    "int": ("to_int", INT, frozenset({"int", "double", "string", "timestamp"})),
    "double": ("to_double", DOUBLE, frozenset({"double", "int", "string"})),
    "bool": ("to_bool", BOOL, frozenset({"bool", "string"})),
    "timestamp": ("to_timestamp", TIMESTAMP, frozenset({"timestamp", "string", "int"})),
    "duration": ("to_duration", DURATION, frozenset({"duration", "string"})),
}
TEXT_METHODS = {"contains": "contains", "startsWith": "starts_with", "endsWith": "ends_with"}
FUNCTIONS = ("has", "size", "matches", "in_state", *CONVERSIONS)
METHODS = (*TEXT_METHODS, "size", "matches", "orValue", *OF_TIMESTAMP, *MACROS)
_INSTEAD = {
    "type": "compare with a value of the kind you expect, or declare the field's type in the schema",
    "uint": "data hold no unsigned integers; use int()",
    "bytes": "data hold no bytes",
    "dyn": "values without one known type are dynamic already",
    "hasValue": "ask has() instead",
    "value": "read the field itself, or say what it is otherwise by orValue()",
    "or": "say what it is otherwise by orValue()",
    "optional": "read the field through .? instead",
    "cel": "name the value with a field of its own",
    "math": "write a condition, a < b ? a : b",
    "now": "now is a variable; write it without brackets",
    "len": "the function is size()",
    "length": "the function is size()",
    "lenght": "the function is size()",
    "count": "the function is size()",
    "lower": "texts are compared as they are",
    "lowerAscii": "texts are compared as they are",
    "sum": "keep the sum in a field of its own",
    "filterMap": "use map(x, condition, value)",
    "join": "texts are joined by +",
    "format": "texts are joined by +",
    "abs": "write a < 0 ? -a : a",
    "startswith": "the method is startsWith()",
    "endswith": "the method is endsWith()",
    "any": "the macro is exists()",
    "existsOne": "the macro is exists_one()",
}


def check_call(checker: Checker, node: syntax.Call, known: Facts, names: Locals, nesting: int) -> tree.Node:
    """The call of a function, a method or a macro."""
    if node.of is None:
        return _function(checker, node, known, names, nesting)
    if node.name in MACROS:
        return _macro(checker, node, known, names, nesting)
    of = checker.check(node.of, known, names, nesting)
    if node.name == "orValue":
        return _or_value(checker, node, of, known, names, nesting)
    if node.name not in METHODS:  # it may be a macro of somebody's, so its arguments are not looked at
        return _unknown(checker, node, METHODS, "method")
    args = tuple(checker.check(arg, known, names, nesting) for arg in node.args)
    if not _usable(checker, of, *args):
        return tree.Constant(at=node.at, end=node.end, type=DYNAMIC, value=None)
    if node.name in TEXT_METHODS:
        return _text_method(checker, node, of, args)
    if node.name == "matches":
        return _matches(checker, node, (of, *args))
    if node.name == "size":
        return _size(checker, node, (of, *args))
    return _part(checker, node, of, args)


def _function(checker: Checker, node: syntax.Call, known: Facts, names: Locals, nesting: int) -> tree.Node:
    if node.name == "has":
        return _has(checker, node, known, names, nesting)
    if node.name == "in_state":
        return _in_state(checker, node, known)
    if node.name not in FUNCTIONS:
        for arg in node.args if node.name not in _INSTEAD else ():
            checker.check(arg, known, names, nesting)
        return _unknown(checker, node, FUNCTIONS, "function")
    args = tuple(checker.check(arg, known, names, nesting) for arg in node.args)
    if not _usable(checker, *args):
        return tree.Constant(at=node.at, end=node.end, type=DYNAMIC, value=None)
    if node.name == "matches":
        return _matches(checker, node, args)
    if node.name == "size":
        return _size(checker, node, args)
    return _conversion(checker, node, args)


def _usable(checker: Checker, *nodes: tree.Node) -> bool:
    """Whether all can be worked with; each that cannot is reported."""
    usable = [checker.usable(node) for node in nodes]
    return all(usable)


def _unknown(checker: Checker, node: syntax.Call, there: tuple[str, ...], what: str) -> tree.Node:
    fix = None
    if node.name in _INSTEAD:
        sentence = f"{node.name}() is not part of the profile: {_INSTEAD[node.name]}"
    elif what == "function" and node.name in METHODS:
        sentence = f"{node.name}() is a method; write it behind a value, as in value.{node.name}()"
    elif what == "method" and node.name in FUNCTIONS and node.of is not None:
        sentence = f"{node.name}() is a function; write {node.name}(…) around the value"
        fix = f"{node.name}({checker.shown(node.of)})"
    else:
        sentence = f"there is no {what} {node.name[:60]}()"
        near = nearest(node.name, there)
        fix = near and f"{near}()"
    return checker.wrong(node, "bad_expression", node.name_at, sentence, fix)


def _counted(checker: Checker, node: syntax.Call, args: tuple[Any, ...], least: int, most: int) -> bool:
    """Whether there are as many arguments as are wanted; a fault when not."""
    if least <= len(args) <= most:
        return True
    wanted = f"{least}" if least == most else f"{least} or {most}"
    checker.fault(
        "bad_expression",
        node.name_at,
        f"{node.name}() takes {wanted} argument{'' if most == 1 else 's'} here, not {len(args)}",
    )
    return False


def _made(node: syntax.Call, known: Type, name: str, args: tuple[tree.Node, ...], extra: Any = None) -> tree.Node:
    return tree.Call(at=node.at, end=node.end, type=known, name=name, args=args, extra=extra)


def _nothing(node: syntax.Call, known: Type = DYNAMIC) -> tree.Node:
    return tree.Constant(at=node.at, end=node.end, type=known, value=None)


def _text(checker: Checker, node: syntax.Call, arg: tree.Node) -> bool:
    if arg.type.kind in ("string", "dynamic"):
        return True
    checker.fault("type_mismatch", arg.at, f"{node.name}() works on texts, and {checker.shown(arg)} is {arg.type}")
    return False


def _text_method(checker: Checker, node: syntax.Call, of: tree.Node, args: tuple[tree.Node, ...]) -> tree.Node:
    if not _counted(checker, node, args, 1, 1):
        return _nothing(node)
    if node.name == "contains" and of.type.kind == "list":
        sentence = "contains() works on texts; whether a list holds something is asked by in"
        fix = f"{checker.shown(args[0])} in {checker.shown(of)}"
        return checker.wrong(node, "type_mismatch", node.name_at, sentence, fix)
    texts = [_text(checker, node, each) for each in (of, *args)]
    if not all(texts):
        return _nothing(node)
    return _made(node, BOOL, TEXT_METHODS[node.name], (of, *args))


def _matches(checker: Checker, node: syntax.Call, args: tuple[tree.Node, ...]) -> tree.Node:
    if len(args) != 2:
        sentence = "matches() takes a text and a pattern, as in context.code.matches('^[A-Z]+$')"
        return checker.wrong(node, "bad_expression", node.name_at, sentence)
    text, pattern = args
    if not _text(checker, node, text):
        return _nothing(node)
    if not isinstance(pattern, tree.Constant) or not isinstance(pattern.value, str):
        sentence = "the pattern of matches() is written out as a text, so that it can be checked beforehand"
        return checker.wrong(node, "bad_expression", pattern.at, sentence)
    checker.patterns.append(pattern.value)
    try:
        program = compiled(pattern.value)
    except BadPattern as error:
        return checker.wrong(node, "bad_expression", pattern.at, f"RE2 does not take this pattern: {error}")
    return _made(node, BOOL, "matches", (text,), program)


def _size(checker: Checker, node: syntax.Call, args: tuple[tree.Node, ...]) -> tree.Node:
    if len(args) != 1:
        return checker.wrong(node, "bad_expression", node.name_at, "size() is asked of one value")
    if args[0].type.kind not in ("string", "list", "object", "dynamic"):
        sentence = f"only texts, lists and objects have a size, and {checker.shown(args[0])} is {args[0].type}"
        return checker.wrong(node, "type_mismatch", args[0].at, sentence)
    return _made(node, INT, "size", args)


def _conversion(checker: Checker, node: syntax.Call, args: tuple[tree.Node, ...]) -> tree.Node:
    if not _counted(checker, node, args, 1, 1):
        return _nothing(node)
    name, known, takes = CONVERSIONS[node.name]
    (arg,) = args
    if not arg.type.dynamic and arg.type.kind not in takes:
        sentence = f"{node.name}() cannot be made of {checker.shown(arg)}, which is {arg.type}"
        return checker.wrong(node, "type_mismatch", arg.at, sentence)
    return _constant_conversion(checker, node, arg, name, known) or _made(node, known, name, args)


def _constant_conversion(
    checker: Checker, node: syntax.Call, arg: tree.Node, name: str, known: Type
) -> tree.Node | None:
    """The conversion of a literal, done now: `duration('1h30m')` costs nothing later, and a bad one is seen at once."""
    if not isinstance(arg, tree.Constant) or not arg.literal:
        return None
    try:
        value = OPERATIONS[name](None, arg.value)
    except Failure as error:
        return checker.wrong(node, "bad_expression", arg.at, f"{node.name}(): {error}")
    return tree.Constant(at=node.at, end=node.end, type=known, value=value)


def _part(checker: Checker, node: syntax.Call, of: tree.Node, args: tuple[tree.Node, ...]) -> tree.Node:
    if not _counted(checker, node, args, 0, 1):
        return _nothing(node)
    if of.type.kind not in ("timestamp", "duration", "dynamic"):
        sentence = f"{node.name}() is asked of a point in time, and {checker.shown(of)} is {of.type}"
        fix = f"timestamp({checker.shown(of)}).{node.name}()" if of.type.kind == "string" else None
        return checker.wrong(node, "type_mismatch", of.at, sentence, fix)
    if of.type.kind == "duration" and (args or node.name not in OF_DURATION):
        return checker.wrong(node, "type_mismatch", node.name_at, f"a duration has no {node.name}() of that kind")
    if not args:
        return _made(node, INT, "part", (of,), (node.name, None))
    (zone,) = args
    if not _text(checker, node, zone):
        return _nothing(node)
    if not isinstance(zone, tree.Constant):
        return _made(node, INT, "part_in", (of, zone), (node.name,))
    offset = zone_of(zone.value)
    if offset is None:
        sentence = "a zone is UTC or an offset such as +02:00; the rules behind names change, and so would the answers"
        return checker.wrong(node, "bad_expression", zone.at, sentence)
    return _made(node, INT, "part", (of,), (node.name, offset))


def _or_value(
    checker: Checker, node: syntax.Call, of: tree.Node, known: Facts, names: Locals, nesting: int
) -> tree.Node:
    args = tuple(checker.check(arg, known, names, nesting) for arg in node.args)
    if not _counted(checker, node, args, 1, 1):
        return _nothing(node)
    if of.type.kind != "optional":
        sentence = f"orValue() follows a field that is read through .?, and {checker.shown(of)} is read plainly"
        return checker.wrong(node, "type_mismatch", node.name_at, sentence)
    (otherwise,) = args
    if otherwise.type.kind == "optional" and not checker.usable(otherwise):
        return _nothing(node)
    held = of.type.item or DYNAMIC
    otherwise = as_double_beside(otherwise, of)
    kinds = {held.kind, otherwise.type.kind}
    if len(kinds) > 1 and not kinds & {"dynamic", "null"}:
        sentence = f"{checker.shown(of)} is {held} and otherwise {otherwise.type}; make them one kind"
        return checker.wrong(node, "type_mismatch", otherwise.at, sentence)
    kind = joined([held, otherwise.type])
    return tree.OrValue(at=node.at, end=node.end, type=kind, of=of, otherwise=otherwise)


def _has(checker: Checker, node: syntax.Call, known: Facts, names: Locals, nesting: int) -> tree.Node:
    if len(node.args) != 1 or not isinstance(node.args[0], syntax.Select) or node.args[0].optional:
        sentence = "has() asks whether a field is there, as in has(context.note)"
        return checker.wrong(node, "bad_expression", node.name_at, sentence)
    asked = node.args[0]
    if isinstance(asked.of, syntax.Name) and asked.of.name == "related" and "related" not in names:
        if checker.relation(asked) is None:
            return _nothing(node, BOOL)
        return tree.HasRelated(at=node.at, end=node.end, type=BOOL, name=asked.name)
    of = checker.owner(asked.of, known, names, nesting)
    if of.type.kind == "optional":
        checker.usable(of)
        return _nothing(node, BOOL)
    if checker.declared(asked, of, asked.name, asked.name_at) is None:
        return _nothing(node, BOOL)
    path = None if of.path is None else (*of.path, asked.name)
    if path is not None and ".".join(path) in FIXED_PARTS:
        return tree.Constant(at=node.at, end=node.end, type=BOOL, value=True)
    checker.note(of, asked.name)
    return tree.Has(at=node.at, end=node.end, type=BOOL, of=of, name=asked.name, found=path)


def _in_state(checker: Checker, node: syntax.Call, known: Facts) -> tree.Node:
    if not 1 <= len(node.args) <= 2 or not _is_text(node.args[0]):
        sentence = "in_state() takes the full path of a state as a text, as in in_state('fulfilment.packed')"
        return checker.wrong(node, "bad_expression", node.name_at, sentence)
    written = node.args[0]
    assert isinstance(written, syntax.Constant)
    state = str(written.value)
    if len(node.args) == 1:
        _known_state(checker, written, state, checker.scope.states, "")
        checker.in_states.append((state, None))
        return tree.InState(at=node.at, end=node.end, type=BOOL, state=state)
    other = node.args[1]
    if not (isinstance(other, syntax.Select) and isinstance(other.of, syntax.Name) and other.of.name == "related"):
        sentence = "the second argument of in_state() is a related entity, as in in_state('active', related.customer)"
        return checker.wrong(node, "bad_expression", other.at, sentence)
    checked = checker.check(other, known, {})
    if not isinstance(checked, tree.Related):
        return _nothing(node, BOOL)
    if other.name in checker.scope.related_states:
        _known_state(checker, written, state, checker.scope.related_states[other.name], other.name)
    checker.in_states.append((state, other.name))
    return tree.InState(at=node.at, end=node.end, type=BOOL, state=state, relation=other.name)


def _known_state(checker: Checker, written: syntax.Node, state: str, states: Collection[str], relation: str) -> None:
    if state in states:
        return
    near = nearest(state, states) or _by_last_name(state, states)
    of, asked = (f" of related.{relation}", f", related.{relation}") if relation else ("", "")
    sentence = f"there is no state {state[:100]}{of}; in_state() takes the full path of one"
    checker.fault("unknown_state", written.at, sentence, near and f"in_state('{near}'{asked})")


def _by_last_name(state: str, states: Any) -> str | None:
    return next((each for each in states if each.rpartition(".")[2] == state.rpartition(".")[2]), None)


def _is_text(node: syntax.Node) -> bool:
    return isinstance(node, syntax.Constant) and isinstance(node.value, str)


def _macro(checker: Checker, node: syntax.Call, known: Facts, names: Locals, nesting: int) -> tree.Node:
    assert node.of is not None
    over = checker.check(node.of, known, names, nesting)
    if not _counted(checker, node, node.args, 2, 3 if node.name == "map" else 2):
        return _nothing(node)
    variable = node.args[0]
    if not isinstance(variable, syntax.Name):
        sentence = f"{node.name}() begins with a name for the element, as in {node.name}(line, …)"
        return checker.wrong(node, "bad_expression", variable.at, sentence)
    if variable.name in NAMES:
        sentence = f"{variable.name} is a variable already; give the element another name"
        return checker.wrong(node, "bad_expression", variable.at, sentence)
    if nesting == NESTING:
        sentence = f"macros stand at most {NESTING} deep in one another"
        return checker.wrong(node, "bad_expression", node.name_at, sentence)
    if not checker.usable(over):
        return _nothing(node)
    if over.type.kind not in ("list", "object", "dynamic"):
        sentence = f"{node.name}() goes over lists and objects, and {checker.shown(over)} is {over.type}"
        return checker.wrong(node, "type_mismatch", over.at, sentence)
    return _comprehension(checker, node, over, variable.name, known, names, nesting)


def _comprehension(
    checker: Checker,
    node: syntax.Call,
    over: tree.Node,
    variable: str,
    known: Facts,
    names: Mapping[str, tree.Local],
    nesting: int,
) -> tree.Node:
    slot = checker.slots = checker.slots + 1
    element = over.type.element()
    local = tree.Local(at=over.at, end=over.end, type=element, path=(f"${slot}",), slot=slot, name=variable)
    inner = {**names, variable: local}
    test = None
    if node.name in ("all", "exists", "exists_one", "filter"):
        body = checker.condition(node.args[1], known, inner, nesting + 1)
    else:
        if len(node.args) == 3:
            test = checker.condition(node.args[1], known, inner, nesting + 1)
            known |= known_after(test, True)
        body = checker.check(node.args[-1], known, inner, nesting + 1)
        if body.type.kind == "optional":
            checker.usable(body)
    kind = {"map": list_of(body.type), "filter": list_of(element)}.get(node.name, BOOL)
    return tree.Macro(
        at=node.at,
        end=node.end,
        type=kind,
        kind=node.name,
        over=over,
        slot=slot,
        variable=variable,
        body=body,
        test=test,
        cost=_cost(body) + (0 if test is None else _cost(test)),
    )


def _cost(node: tree.Node) -> int:
    """Steps that evaluating it once takes; a macro inside pays for its own elements."""
    inner = (node.over,) if isinstance(node, tree.Macro) else tree.below(node)
    return 1 + sum(_cost(each) for each in inner)
