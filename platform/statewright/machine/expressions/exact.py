"""The exact evaluator: walks the checked tree, slowly, with everything that CEL says about errors and unknown values.

`&&` and `||` absorb an error when another operand decides. A value may be UNKNOWN, when the payload of the event is not
known; what does not depend on it is found all the same. The compiled code takes the short way and comes here when
anything goes wrong, so there is one place that says what went wrong, and where.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from statewright.machine.expressions import tree
from statewright.machine.expressions.kinds import Type
from statewright.machine.expressions.operations import (
    ABSENT,
    OPERATIONS,
    Absent,
    Failure,
    Spent,
    as_bool,
    elements,
    has,
    index,
    optional,
    pay,
    read,
    select,
)
from statewright.machine.expressions.times import Timestamp
from statewright.machine.expressions.words import STEPS, ExpressionError, Moment, OutOfSteps

UNKNOWN: Any = type("Unknown", (), {"__repr__": lambda self: "UNKNOWN"})()
"""A value that depends on what the event will carry."""

_SPENT = f"the expressions of this event took more than {STEPS:,} steps"
_BEYOND = "the values are beyond what can be worked with"


class Evaluation:
    """One walk over an expression of `text`, for one set of values. `event` is UNKNOWN when it has not come yet."""

    def __init__(
        self, text: str, context: dict[str, Any], event: Any, params: Mapping[str, Any], moment: Moment
    ) -> None:
        self.text = text
        self.context = context
        self.event = event
        self.params = params
        self.moment = moment
        self.locals: dict[int, Any] = {}

    def value(self, node: tree.Node) -> Any:
        """The value of `node`; UNKNOWN when it depends on the event to come. Raises ExpressionError."""
        try:
            return _METHODS[type(node)](self, node)
        except ExpressionError:
            raise
        except Absent:
            raise ExpressionError(f"{self._shown(node)} is absent", node.at) from None
        except Failure as failure:
            raise ExpressionError(f"{self._shown(node)}: {failure}", node.at) from None
        except Spent:
            raise OutOfSteps(_SPENT, node.at) from None
        except Exception as error:  # numbers, texts or depths that only data outside of every schema can have
            raise ExpressionError(f"{self._shown(node)}: {_BEYOND}", node.at) from error

    def _shown(self, node: tree.Node) -> str:
        piece = self.text[node.at : node.end]
        return piece if len(piece) <= 100 else piece[:99] + "…"

    def _values(self, nodes: tuple[tree.Node, ...]) -> list[Any] | None:
        """All values, so that an error in any of them is found; None when one is unknown."""
        found = [self.value(node) for node in nodes]
        return None if any(value is UNKNOWN for value in found) else found

    def _read(self, value: Any, known: Type) -> Any:
        return value if value is UNKNOWN else read(value, known.kind, known.nullable)

    def _constant(self, node: tree.Constant) -> Any:
        return node.value

    def _variable(self, node: tree.Variable) -> Any:
        moment = self.moment
        match node.name:
            case "context":
                return self.context
            case "event":
                return UNKNOWN if self.event is UNKNOWN else {**self.event, "type": moment.event}
            case "params":
                return self.params
            case "now":
                return Timestamp(moment.now)
            case "occurred_at":
                return Timestamp(moment.occurred_at)
            case "actor":
                return {"id": moment.actor.id, "roles": list(moment.actor.roles)}
            case "entity":
                return {"type": moment.type, "id": moment.id, "version": moment.version}
        return _PARTS[node.name](moment)

    def _local(self, node: tree.Local) -> Any:
        return self.locals[node.slot]

    def _owner(self, node: tree.Node) -> Any:
        """What a field is read from; the payload itself for `event`, which has no `type` of its own."""
        if isinstance(node, tree.Variable) and node.name == "event":
            return self.event
        return self.value(node)

    def _field(self, node: tree.Field) -> Any:
        of = self._owner(node.of)
        if of is UNKNOWN:
            return UNKNOWN
        return self._read(select(self.moment, of, node.name), node.type)

    def _has(self, node: tree.Has) -> Any:
        of = self._owner(node.of)
        return UNKNOWN if of is UNKNOWN else has(self.moment, of, node.name)

    def _related(self, node: tree.Related) -> Any:
        found = self.moment.related.get(node.name)
        if found is None:
            raise Absent
        return found.data

    def _has_related(self, node: tree.HasRelated) -> bool:
        return node.name in self.moment.related

    def _index(self, node: tree.Index) -> Any:
        values = self._values((node.of, node.key))
        return UNKNOWN if values is None else self._read(index(self.moment, *values), node.type)

    def _optional(self, node: tree.Optional) -> Any:
        of = self._owner(node.of)
        if of is UNKNOWN:
            return UNKNOWN
        found = optional(self.moment, of, node.name)
        return found if found is ABSENT or node.type.item is None else self._read(found, node.type.item)

    def _or_value(self, node: tree.OrValue) -> Any:
        found = self.value(node.of)
        return self.value(node.otherwise) if found is ABSENT else found

    def _and(self, node: tree.And) -> Any:
        return self._decided(node.parts, by=False)

    def _or(self, node: tree.Or) -> Any:
        return self._decided(node.parts, by=True)

    def _decided(self, parts: tuple[tree.Node, ...], by: bool) -> Any:
        """`by` when a part is that, whatever becomes of the others."""
        return self._decide(parts, self.truth, by)

    def _decide(self, parts: Iterable[Any], truth: Callable[[Any], Any], by: bool) -> Any:
        failed: ExpressionError | None = None
        unknown = False
        for part in parts:
            try:
                value = truth(part)
            except OutOfSteps:
                raise
            except ExpressionError as error:
                failed = failed or error
                continue
            if value is UNKNOWN:
                unknown = True
            elif value is by:
                return by
        if unknown:
            return UNKNOWN
        if failed is not None:
            raise failed
        return not by

    def truth(self, node: tree.Node) -> Any:
        """True, false or UNKNOWN; anything else is an error."""
        value = self.value(node)
        if value is UNKNOWN:
            return UNKNOWN
        try:
            return as_bool(value)
        except Failure as failure:
            raise ExpressionError(f"{self._shown(node)}: {failure}", node.at) from None

    def _not(self, node: tree.Not) -> Any:
        value = self.truth(node.of)
        return UNKNOWN if value is UNKNOWN else not value

    def _conditional(self, node: tree.Conditional) -> Any:
        test = self.truth(node.test)
        if test is not UNKNOWN:
            return self.value(node.yes if test else node.no)
        failed: ExpressionError | None = None
        for branch in (node.yes, node.no):  # it errs whatever the event when both branches do
            try:
                self.value(branch)
            except OutOfSteps:
                raise
            except ExpressionError as error:
                failed = error
            else:
                return UNKNOWN
        assert failed is not None
        raise failed

    def _call(self, node: tree.Call) -> Any:
        values = self._values(node.args)
        if values is None:
            return UNKNOWN
        extra = node.extra
        if extra is None:
            return OPERATIONS[node.name](self.moment, *values)
        return OPERATIONS[node.name](self.moment, *values, *(extra if isinstance(extra, tuple) else (extra,)))

    def over(self, node: tree.Macro) -> Any:
        """What a macro goes over, in the order in which it does; UNKNOWN when it depends on the event."""
        found = self.value(node.over)
        if found is UNKNOWN:
            return UNKNOWN
        try:
            return elements(found)
        except Failure as failure:
            raise ExpressionError(f"{self._shown(node.over)}: {failure}", node.over.at) from None

    def with_element(self, node: tree.Macro, element: Any, asked: Callable[[], Any]) -> Any:
        """What is asked while the macro's variable is `element`; one element's steps are paid."""
        known = node.over.type.element()
        try:
            pay(self.moment, node.cost)
            self.locals[node.slot] = read(element, known.kind, known.nullable)
        except Spent:
            raise OutOfSteps(_SPENT, node.at) from None
        except Failure as failure:
            raise ExpressionError(f"{node.variable}: {failure}", node.at) from None
        return asked()

    def _macro(self, node: tree.Macro) -> Any:
        found = self.over(node)
        if found is UNKNOWN:
            return UNKNOWN
        if node.kind in ("all", "exists"):
            return self._decide(
                found, lambda each: self.with_element(node, each, lambda: self.truth(node.body)), node.kind == "exists"
            )
        return _GATHERING[node.kind](self, node, found)

    def _exactly_one(self, node: tree.Macro, found: Any) -> Any:
        truths = [self.with_element(node, each, lambda: self.truth(node.body)) for each in found]
        return UNKNOWN if any(truth is UNKNOWN for truth in truths) else sum(truths) == 1

    def _filtered(self, node: tree.Macro, found: Any) -> Any:
        kept = []
        for each in found:
            truth = self.with_element(node, each, lambda: self.truth(node.body))
            if truth is UNKNOWN:
                return UNKNOWN
            if truth:
                kept.append(self.locals[node.slot])
        return kept

    def _mapped(self, node: tree.Macro, found: Any) -> Any:
        made = []
        for each in found:
            truth = self.with_element(node, each, lambda: node.test is None or self.truth(node.test))
            if truth is UNKNOWN:
                return UNKNOWN
            if truth:
                made.append(self.value(node.body))
        return UNKNOWN if any(value is UNKNOWN for value in made) else made

    def _list(self, node: tree.ListOf) -> Any:
        values = self._values(node.items)
        return UNKNOWN if values is None else values

    def _map(self, node: tree.MapOf) -> Any:
        keys, values = self._values(node.keys), self._values(node.values)
        if keys is None or values is None:
            return UNKNOWN
        return made_object(keys, values)

    def _in_state(self, node: tree.InState) -> bool:
        if node.relation is None:
            return node.state in self.moment.active
        found = self.moment.related.get(node.relation)
        if found is None:
            raise Absent
        return node.state in found.active


def made_object(keys: list[Any], values: list[Any]) -> dict[str, Any]:
    """The object of these fields; Failure when a name is no text, or comes twice."""
    made = dict(zip(keys, values, strict=True)) if all(type(key) is str for key in keys) else None
    if made is None:
        raise Failure("an object's fields are named by texts")
    if len(made) != len(keys):
        raise Failure("a field is given twice")
    return made


_PARTS: dict[str, Callable[[Moment], Any]] = {
    "actor.id": lambda moment: moment.actor.id,
    "actor.roles": lambda moment: moment.actor.roles,
    "entity.type": lambda moment: moment.type,
    "entity.id": lambda moment: moment.id,
    "entity.version": lambda moment: moment.version,
    "event.type": lambda moment: moment.event,
}

_GATHERING = {
    "exists_one": Evaluation._exactly_one,
    "filter": Evaluation._filtered,
    "map": Evaluation._mapped,
}

_METHODS: dict[type, Callable[[Evaluation, Any], Any]] = {
    tree.Constant: Evaluation._constant,
    tree.Variable: Evaluation._variable,
    tree.Local: Evaluation._local,
    tree.Field: Evaluation._field,
    tree.Has: Evaluation._has,
    tree.Related: Evaluation._related,
    tree.HasRelated: Evaluation._has_related,
    tree.Index: Evaluation._index,
    tree.Optional: Evaluation._optional,
    tree.OrValue: Evaluation._or_value,
    tree.And: Evaluation._and,
    tree.Or: Evaluation._or,
    tree.Not: Evaluation._not,
    tree.Conditional: Evaluation._conditional,
    tree.Call: Evaluation._call,
    tree.Macro: Evaluation._macro,
    tree.ListOf: Evaluation._list,
    tree.MapOf: Evaluation._map,
    tree.InState: Evaluation._in_state,
}
