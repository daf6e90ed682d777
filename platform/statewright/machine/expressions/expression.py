"""A compiled expression, and how one is made of a text: parse, check, compile."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from statewright.machine.expressions import tree
from statewright.machine.expressions.check import Checker, Wanted, check, check_result
from statewright.machine.expressions.emit import Run, compiled
from statewright.machine.expressions.exact import UNKNOWN, Evaluation
from statewright.machine.expressions.explain import explained
from statewright.machine.expressions.kinds import Type
from statewright.machine.expressions.operations import Failure, result
from statewright.machine.expressions.parse import Refused, parse
from statewright.machine.expressions.times import Duration
from statewright.machine.expressions.words import STEPS, ExpressionError, Fault, Line, Moment, Scope


class Expression:
    """An expression that has been checked and compiled.

    `run(context, event, params, moment)` gives its value as JSON has it: a point in time as RFC 3339 text, a duration
    as ISO 8601 text. It raises ExpressionError and nothing else, whatever the values. `event` is the payload alone; the
    event's name is the moment's. The `reads_…` are top-level fields, with `*` where the whole is read; `reads_related`
    holds relations and, dotted, the fields read of each. `in_states` are the states asked for, each with the relation
    whose entity is asked, or None. `still`: found, when it first ran, to do without the moment, so that any will do.
    """

    __slots__ = (
        "_payload_comes",
        "_tree",
        "in_states",
        "reads_context",
        "reads_event",
        "reads_params",
        "reads_related",
        "run",
        "still",
        "text",
        "type",
    )

    def __init__(self, text: str, node: tree.Node, checker: Checker) -> None:
        """Made by `compile_expression`."""
        self.text = text
        self.type: Type = node.type
        self.reads_context = frozenset(checker.reads["context"])
        self.reads_event = frozenset(checker.reads["event"])
        self.reads_params = frozenset(checker.reads["params"])
        self.reads_related = frozenset(checker.reads["related"])
        self.in_states = tuple(checker.in_states)
        self._tree = node
        self._payload_comes = checker.scope.event != "empty"
        self.run: Run = self._first_run
        self.still = False

    def __repr__(self) -> str:
        return f"Expression({self.text!r})"

    @property
    def relations(self) -> frozenset[str]:
        """The relations that are read or asked about."""
        return frozenset(name.partition(".")[0] for name in self.reads_related)

    def run_duration(
        self, context: dict[str, Any], event: dict[str, Any], params: Mapping[str, Any], moment: Moment
    ) -> int:
        """The duration it gives, in microseconds; negative ones count backwards. Raises ExpressionError."""
        found = self._value(context, event, params, moment)
        if not isinstance(found, Duration):
            raise ExpressionError("the value is not a duration", self._tree.at)
        return found.micros

    def explain(
        self, context: dict[str, Any], event: dict[str, Any], params: Mapping[str, Any], moment: Moment
    ) -> list[Line]:
        """The parts that made it false or made it fail, in the order written; 20 at most. Takes no steps."""
        left = moment.steps_left
        try:
            return explained(Evaluation(self.text, context, event, params, moment), self._tree)
        finally:
            moment.steps_left = left

    def without_event(self, context: dict[str, Any], params: Mapping[str, Any], moment: Moment) -> bool | None:
        """Whether it holds whatever the event carries: True, False, or None when that decides. Takes no steps.

        Raises ExpressionError when it fails whatever the event carries.
        """
        left, moment.steps_left = moment.steps_left, STEPS
        try:
            event = UNKNOWN if self._payload_comes else {}
            truth = Evaluation(self.text, context, event, params, moment).truth(self._tree)
        finally:
            moment.steps_left = left
        return None if truth is UNKNOWN else bool(truth)

    def _first_run(self, context: dict[str, Any], event: dict[str, Any], params: dict[str, Any], moment: Moment) -> Any:
        """What `run` is until it is first called: writing the code is most of the work, and many are never asked."""
        if self.run == self._first_run:  # else another thread came first, or someone holds on to this one
            self.run, self.still = compiled(self._tree, self._exactly)
        return self.run(context, event, params, moment)

    def _value(self, context: dict[str, Any], event: dict[str, Any], params: Mapping[str, Any], moment: Moment) -> Any:
        return Evaluation(self.text, context, event, params, moment).value(self._tree)

    def _exactly(
        self, context: dict[str, Any], event: dict[str, Any], params: Mapping[str, Any], moment: Moment, steps: int
    ) -> Any:
        """What `run` falls back to. The short way's steps are given back, since they are taken again here."""
        moment.steps_left = steps
        value = self._value(context, event, params, moment)
        if self.still:  # no macro, so next to nothing to pay, and the moment may be one that all share
            moment.steps_left = steps
        try:
            return result(value)
        except Failure as failure:
            raise ExpressionError(str(failure), self._tree.at) from None


def compile_expression(text: str, scope: Scope, *, wants: Wanted = "any") -> tuple[Expression | None, list[Fault]]:
    """The expression and what is to be said of it: faults in the order written, all of them.

    There is no expression when any fault is an error. `wants` is the kind of result needed: of a guard, of a delay, or
    any. Raises nothing, whatever the text.
    """
    try:
        node, checker = check(text, parse(text), scope)
    except Refused as refused:
        return None, [refused.fault]
    check_result(checker, node, wants)
    faults = sorted(checker.faults, key=lambda fault: fault.at)
    if any(fault.severity == "error" for fault in faults):
        return None, faults
    return Expression(text, node, checker), faults
