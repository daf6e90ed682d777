"""An expression that is only looked at: its type, what it reads and what is wrong with it, without the code to run it.

Half the work of compiling one, for the checks at registration, which look at thousands and run none.
"""

from __future__ import annotations

from msgspec import Struct

from statewright.machine.expressions.check import Wanted, check, check_result
from statewright.machine.expressions.kinds import Type
from statewright.machine.expressions.parse import Refused, parse
from statewright.machine.expressions.patterns import size_of
from statewright.machine.expressions.words import Fault, Scope


class Checked(Struct, frozen=True):
    """What an expression without errors is known to do; the names mean what they mean of an `Expression`."""

    type: Type
    reads_context: frozenset[str]
    reads_event: frozenset[str]
    reads_related: frozenset[str]
    pattern_size: int = 0
    """How large the automata of its patterns are together, as RE2 counts."""


def check_expression(text: str, scope: Scope, *, wants: Wanted = "any") -> tuple[Checked | None, list[Fault]]:
    """What `compile_expression` would find, faults in the order written; None when any of them is an error."""
    try:
        node, checker = check(text, parse(text), scope)
    except Refused as refused:
        return None, [refused.fault]
    check_result(checker, node, wants)
    faults = sorted(checker.faults, key=lambda fault: fault.at)
    if any(fault.severity == "error" for fault in faults):
        return None, faults
    context, event, related = (frozenset(checker.reads[name]) for name in ("context", "event", "related"))
    return Checked(node.type, context, event, related, sum(map(size_of, checker.patterns))), faults
