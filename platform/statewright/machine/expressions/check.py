"""From syntax tree to checked tree: names resolved, types found, every fault reported with its place.

Follows the type rules of CEL, but for numbers: those are typed by the schema, and an integer literal beside a double is
read as a double. A fault leaves a dynamic value behind, so that the rest is still checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from statewright.machine.expressions import syntax, tree
from statewright.machine.expressions.calls import check_call
from statewright.machine.expressions.kinds import (
    BOOL,
    DYNAMIC,
    Field,
    Free,
    Type,
    joined,
    list_of,
    object_of_schema,
    type_of_constant,
    without_null,
)
from statewright.machine.expressions.operators import as_double_beside, check_binary, check_negation
from statewright.machine.expressions.parse import TOO_LARGE
from statewright.machine.expressions.presence import NOTHING, Facts, known_after
from statewright.machine.expressions.tree import Path
from statewright.machine.expressions.variables import FIXED_PARTS, NAMES, Unknown, type_of_variable
from statewright.machine.expressions.words import Fault, Scope, Severity
from statewright.machine.names import nearest

Locals = Mapping[str, tree.Local]


class Checker:
    """Checks one expression; `faults` and what was read gather as it goes."""

    def __init__(self, text: str, scope: Scope) -> None:
        self.text = text
        self.scope = scope
        self.faults: list[Fault] = []
        self.reads: dict[str, set[str]] = {"context": set(), "event": set(), "params": set(), "related": set()}
        self.in_states: list[tuple[str, str | None]] = []
        self.slots = 0
        self.patterns: list[str] = []
        self._seen: set[tuple[str, int]] = set()
        self._warned: set[Path] = set()
        self._types: dict[str, Type | Unknown | None] = {}

    # -- faults --

    def fault(self, code: str, at: int, sentence: str, fix: str | None = None, severity: Severity = "error") -> None:
        """Report a fault, once for each place."""
        if (code, at) not in self._seen:
            self._seen.add((code, at))
            self.faults.append(Fault(code, severity, at, sentence, fix))

    def wrong(self, node: syntax.Node, code: str, at: int, sentence: str, fix: str | None = None) -> tree.Node:
        """Report an error; something to go on with."""
        self.fault(code, at, sentence, fix)
        return tree.Constant(at=node.at, end=node.end, type=DYNAMIC, value=None)

    def shown(self, node: syntax.Node | tree.Node) -> str:
        """The piece of the text that a node stands for, not too long for a sentence."""
        piece = self.text[node.at : node.end]
        return piece if len(piece) <= 60 else piece[:59] + "…"

    # -- nodes --

    def check(self, node: syntax.Node, known: Facts, names: Locals, nesting: int = 0) -> tree.Node:
        """The checked node. `known` is what holds of fields here, `names` the variables of macros around it."""
        match node:
            case syntax.Constant():
                return self._constant(node)
            case syntax.Name():
                return self._name(node, names)
            case syntax.Select():
                return self._select(node, known, names, nesting)
            case syntax.Index():
                return self._index(node, known, names, nesting)
            case syntax.Call():
                return check_call(self, node, known, names, nesting)
            case syntax.Logic():
                return self._logic(node, known, names, nesting)
            case syntax.Unary():
                return self._unary(node, known, names, nesting)
            case syntax.Binary():
                left = self.check(node.left, known, names, nesting)
                named = node.op == "in" and isinstance(left, tree.Constant)  # one field is asked for, not the whole
                right = (self.owner if named else self.check)(node.right, known, names, nesting)
                return check_binary(self, node, left, right)
            case syntax.Conditional():
                return self._conditional(node, known, names, nesting)
            case syntax.ListOf():
                return self._list(node, [self.check(item, known, names, nesting) for item in node.items])
            case syntax.MapOf():
                return self._map(node, known, names, nesting)
        raise TypeError(f"{type(node).__name__} is no kind of node")

    def _constant(self, node: syntax.Constant) -> tree.Node:
        if type(node.value) is int and node.value >= TOO_LARGE:
            return self.wrong(node, "bad_expression", node.at, "this number does not fit into 64 bits")
        return tree.Constant(
            at=node.at, end=node.end, type=type_of_constant(node.value), value=node.value, literal=True
        )

    def _name(self, node: syntax.Name, names: Locals) -> tree.Node:
        local = names.get(node.name)
        if local is not None:
            return tree.Local(
                at=node.at, end=node.end, type=local.type, path=local.path, slot=local.slot, name=local.name
            )
        if node.name == "related":
            sentence = "related is no value by itself; name a relation, and ask by has() whether it is there"
            fix = f"related.{next(iter(self.scope.related))}" if self.scope.related else None
            return self.wrong(node, "bad_expression", node.at, sentence, fix)
        found = self._variable(node.name)
        if found is None:
            near = nearest(node.name, [*names, *NAMES])
            sentence = f"there is no variable {node.name[:60]}; fields of the data are read as context.{node.name[:60]}"
            if node.name == "state":
                sentence, near = "the state is no variable; ask by in_state() whether one is active", "in_state('…')"
            return self.wrong(node, "bad_expression", node.at, sentence, near)
        if isinstance(found, Unknown):
            return self.wrong(node, "bad_expression", node.at, found.sentence)
        if node.name in self.reads:
            self.reads[node.name].add("*")
        return tree.Variable(at=node.at, end=node.end, type=found, path=(node.name,), name=node.name)

    def _variable(self, name: str) -> Type | Unknown | None:
        if name not in self._types:
            self._types[name] = type_of_variable(name, self.scope)
        return self._types[name]

    def owner(self, node: syntax.Node, known: Facts, names: Locals, nesting: int) -> tree.Node:
        """What a field is read from; a variable here does not count as read whole."""
        if not isinstance(node, syntax.Name) or node.name in names or node.name not in self.reads:
            return self.check(node, known, names, nesting)
        before = set(self.reads[node.name])
        checked = self.check(node, known, names, nesting)
        self.reads[node.name] = before
        return checked

    def _select(self, node: syntax.Select, known: Facts, names: Locals, nesting: int) -> tree.Node:
        if isinstance(node.of, syntax.Name) and node.of.name == "related" and "related" not in names:
            return self._related(node, known)
        of = self.owner(node.of, known, names, nesting)
        return self.field(node, of, node.name, node.name_at, known, optional=node.optional)

    def _related(self, node: syntax.Select, known: Facts) -> tree.Node:
        if node.optional:
            sentence = f"ask by has(related.{node.name}) whether the entity is there"
            return self.wrong(node, "bad_expression", node.name_at, sentence, f"has(related.{node.name})")
        found = self.relation(node)
        if found is None:
            return tree.Constant(at=node.at, end=node.end, type=DYNAMIC, value=None)
        path = ("related", node.name)
        if ("there", path) not in known:
            self._maybe_absent(node, path)
        return tree.Related(at=node.at, end=node.end, type=found, path=path, name=node.name)

    def relation(self, node: syntax.Select) -> Type | None:
        """The type of the data of a related entity; None, and a fault, when there is no such relation."""
        if node.name not in self.scope.related:
            near = nearest(node.name, self.scope.related)
            sentence = f"there is no relation {node.name} of cardinality one that can be read here"
            self.fault("unknown_relation", node.name_at, sentence, f"related.{near}" if near else None)
            return None
        self.reads["related"].add(node.name)
        return object_of_schema(self.scope.related[node.name])

    def field(
        self, node: syntax.Node, of: tree.Node, name: str, name_at: int, known: Facts, *, optional: bool = False
    ) -> tree.Node:
        """The field `name` of `of`, read plainly or as one that may be absent."""
        if of.type.kind == "optional":
            return self._optional(node, of, name, name_at)
        declared = self.declared(node, of, name, name_at)
        if declared is None:
            return tree.Constant(at=node.at, end=node.end, type=DYNAMIC, value=None)
        path = None if of.path is None else (*of.path, name)
        if optional:
            self.note(of, name)
            kept = Type("optional", item=declared.type)
            return tree.Optional(at=node.at, end=node.end, type=kept, path=path, of=of, name=name)
        if path is not None and ".".join(path) in FIXED_PARTS:
            return tree.Variable(at=node.at, end=node.end, type=declared.type, path=path, name=".".join(path))
        self.note(of, name)
        self._presence(node, declared, path, known)
        kind = declared.type
        if kind.nullable and ("not null", path) in known:
            kind = without_null(kind)
        return tree.Field(at=node.at, end=node.end, type=kind, path=path, of=of, name=name)

    def _optional(self, node: syntax.Node, of: tree.Node, name: str, name_at: int) -> tree.Node:
        inner = tree.Constant(
            at=of.at, end=of.end, type=without_null(of.type.item or DYNAMIC), path=of.path, value=None
        )
        declared = self.declared(node, inner, name, name_at)
        item = declared.type if declared is not None else DYNAMIC
        path = None if of.path is None else (*of.path, name)
        return tree.Optional(at=node.at, end=node.end, type=Type("optional", item=item), path=path, of=of, name=name)

    def declared(self, node: syntax.Node, of: tree.Node, name: str, name_at: int) -> Field | None:
        """The field as `of` declares it; None, and a fault, when it has none of that name."""
        if of.type.dynamic:
            return Field(DYNAMIC)
        if of.type.kind != "object" or of.type.nullable or of.type.shape is None:
            sentence = f"{self.shown(of)} is {of.type}, which has no field {name[:60]}"
            if of.type.nullable:
                sentence = f"{self.shown(of)} may be null; test it before a field of it is read"
            fix = f"{self.shown(of)} != null && …" if of.type.nullable else None
            self.fault("type_mismatch", name_at, sentence, fix)
            return None
        found = of.type.shape.field(name)
        if found is None:
            self._unknown_field(of, name, name_at)
        return found

    def _unknown_field(self, of: tree.Node, name: str, name_at: int) -> None:
        declared = list(of.type.shape.names()) if of.type.shape is not None else []
        owner = self.shown(of)
        if of.path == ("event",) and self.scope.event == "empty":
            sentence = f"no event is sent here, so there is no event.{name[:60]}; only event.type is known"
            self.fault("unknown_field", name_at, sentence)
            return
        near = nearest(name, declared)
        has_these = f"; it has {', '.join(declared[:8])}{' …' if len(declared) > 8 else ''}" if declared else ""
        sentence = f"{owner} has no field {name[:60]}{has_these}"
        self.fault("unknown_field", name_at, sentence, f"{owner}.{near}" if near else None)

    def note(self, of: tree.Node, name: str) -> None:
        """Remember that this field is read."""
        if of.path is not None and len(of.path) == 1 and of.path[0] in self.reads:
            self.reads[of.path[0]].add(name)
        elif isinstance(of, tree.Related):
            self.reads["related"].add(f"{of.name}.{name}")

    def _presence(self, node: syntax.Node, declared: Field, path: Path | None, known: Facts) -> None:
        if path is None or ("there", path) in known:
            return
        if declared.personal:
            shown = self.shown(node)
            sentence = f"{shown} is personal and may have been erased; ask has({shown}) first or read it through .?"
            self.fault("personal_read", node.at, sentence, f"has({shown}) && …")
        elif not declared.present and not (len(path) == 2 and path[0] == "context" and path[1] in self.scope.written):
            self._maybe_absent(node, path)

    def _maybe_absent(self, node: syntax.Node, path: Path) -> None:
        if path not in self._warned:
            self._warned.add(path)
            shown = self.shown(node)
            sentence = f"{shown} may be absent, and reading it then refuses the event; ask has({shown}) first"
            self.fault("maybe_absent", node.at, sentence, f"has({shown}) && …", severity="warning")

    def _index(self, node: syntax.Index, known: Facts, names: Locals, nesting: int) -> tree.Node:
        key = self.check(node.key, known, names, nesting)
        constant = isinstance(key, tree.Constant) and key.literal and isinstance(key.value, str)
        of = self.owner(node.of, known, names, nesting) if constant else self.check(node.of, known, names, nesting)
        if constant and isinstance(key, tree.Constant) and of.type.kind in ("object", "optional"):
            return self.field(node, of, key.value, node.key.at, known)
        if not self.usable(of):
            return tree.Constant(at=node.at, end=node.end, type=DYNAMIC, value=None)
        wanted = {"list": "int", "object": "string"}.get(of.type.kind)
        if wanted is None and not of.type.dynamic:
            sentence = f"{self.shown(of)} is {of.type}, which has no elements"
            return self.wrong(node, "type_mismatch", of.at, sentence)
        if wanted is not None and not key.type.dynamic and (key.type.kind != wanted or key.type.nullable):
            what = "the elements of a list are counted by integers" if wanted == "int" else "fields are named by texts"
            return self.wrong(node, "type_mismatch", key.at, f"{what}, and {self.shown(key)} is {key.type}")
        item = of.type.element() if of.type.kind == "list" else DYNAMIC
        path = None
        if of.path is not None and isinstance(key, tree.Constant):
            path = (*of.path, f"[{key.value}]")
        return tree.Index(at=node.at, end=node.end, type=item, path=path, of=of, key=key)

    def usable(self, node: tree.Node) -> bool:
        """Whether the value can be worked with: it is not one that may be absent or null. A fault when it is."""
        if node.type.kind == "optional":
            sentence = f"{self.shown(node)} may be absent; say what it is then"
            self.fault("type_mismatch", node.at, sentence, f"{self.shown(node)}.orValue(…)")
            return False
        if node.type.nullable:
            sentence = f"{self.shown(node)} may be null; test it before it is used"
            self.fault("type_mismatch", node.at, sentence, f"{self.shown(node)} != null && …")
            return False
        return True

    def _logic(self, node: syntax.Logic, known: Facts, names: Locals, nesting: int) -> tree.Node:
        parts: list[tree.Node] = []
        for written in node.parts:
            part = self.condition(written, known, names, nesting)
            parts.append(part)
            known |= known_after(part, node.op == "&&")
        kind = tree.And if node.op == "&&" else tree.Or
        return kind(at=node.at, end=node.end, type=BOOL, parts=tuple(parts))

    def condition(self, written: syntax.Node, known: Facts, names: Locals, nesting: int) -> tree.Node:
        """A node that must be true or false."""
        part = self.check(written, known, names, nesting)
        if self.usable(part) and part.type.kind not in ("bool", "dynamic"):
            sentence = f"{self.shown(part)} is {part.type}; true or false is needed here"
            self.fault("type_mismatch", part.at, sentence)
        return part

    def _unary(self, node: syntax.Unary, known: Facts, names: Locals, nesting: int) -> tree.Node:
        if node.op == "-":
            return check_negation(self, node, self.check(node.of, known, names, nesting))
        return tree.Not(at=node.at, end=node.end, type=BOOL, of=self.condition(node.of, known, names, nesting))

    def _conditional(self, node: syntax.Conditional, known: Facts, names: Locals, nesting: int) -> tree.Node:
        test = self.condition(node.test, known, names, nesting)
        yes = self.check(node.yes, known | known_after(test, True), names, nesting)
        no = self.check(node.no, known | known_after(test, False), names, nesting)
        yes, no = as_double_beside(yes, no), as_double_beside(no, yes)
        for branch in (yes, no):
            if branch.type.kind == "optional":
                self.usable(branch)
        return tree.Conditional(at=node.at, end=node.end, type=joined([yes.type, no.type]), test=test, yes=yes, no=no)

    def _list(self, node: syntax.ListOf, items: list[tree.Node]) -> tree.Node:
        for item in items:
            if item.type.kind == "optional":
                self.usable(item)
        if any(item.type.kind == "double" for item in items):
            double = next(item for item in items if item.type.kind == "double")
            items = [as_double_beside(item, double) for item in items]
        kind = list_of(joined([item.type for item in items]))
        return tree.ListOf(at=node.at, end=node.end, type=kind, items=tuple(items))

    def _map(self, node: syntax.MapOf, known: Facts, names: Locals, nesting: int) -> tree.Node:
        keys = [self.check(key, known, names, nesting) for key in node.keys]
        values = [self.check(value, known, names, nesting) for value in node.values]
        seen: set[str] = set()
        for key in keys:
            if key.type.kind not in ("string", "dynamic") or key.type.nullable:
                self.fault("type_mismatch", key.at, f"fields are named by texts, and {self.shown(key)} is {key.type}")
            if isinstance(key, tree.Constant) and isinstance(key.value, str):
                if key.value in seen:
                    self.fault("bad_expression", key.at, f"the field {self.shown(key)} is given twice")
                seen.add(key.value)
        for value in values:
            if value.type.kind == "optional":
                self.usable(value)
        kind = Type("object", shape=Free())
        return tree.MapOf(at=node.at, end=node.end, type=kind, keys=tuple(keys), values=tuple(values))


def check(text: str, node: syntax.Node, scope: Scope) -> tuple[tree.Node, Checker]:
    """The checked tree, which is of use only when the checker has found no error."""
    checker = Checker(text, scope)
    return checker.check(node, NOTHING, {}), checker


Wanted = Literal["bool", "duration", "any"]


def check_result(checker: Checker, node: tree.Node, wants: Wanted) -> None:
    """Report a result that is not of the kind that is wanted here."""
    if node.type.kind == "optional":
        checker.usable(node)
    elif wants == "bool" and (node.type.kind not in ("bool", "dynamic") or node.type.nullable):
        may = " and may be null" if node.type.nullable and node.type.kind == "bool" else ""
        sentence = f"a guard is true or false, and this is {node.type}{may}"
        checker.fault("not_boolean", node.at, sentence, _fix_of_boolean(checker, node))
    elif wants == "duration" and node.type.kind != "duration":
        fix = f"duration({checker.shown(node)})" if node.type.kind in ("string", "dynamic") else None
        checker.fault("not_a_duration", node.at, f"a duration is needed here, and this is {node.type}", fix)


def _fix_of_boolean(checker: Checker, node: tree.Node) -> str | None:
    if node.type.nullable and node.type.kind == "bool":
        return f"{checker.shown(node)} == true"
    return None
