"""Expressions: a profile of CEL, checked against schemas when a definition is registered, compiled to Python code.

Pure: no clock, no I/O; the same inputs give the same answer. `docs/reference/expressions.md` describes the profile.
The way of a text: `parse` (syntax tree) → `check` (checked tree, faults) → `emit` (the code that `run` is). Beside the
code stands `exact`, which walks the checked tree where errors, explanations or unknown values are concerned.
"""

from statewright.machine.expressions.expression import Expression, compile_expression
from statewright.machine.expressions.words import (
    STEPS,
    ExpressionError,
    Fault,
    Line,
    Moment,
    OutOfSteps,
    Related,
    Scope,
)

__all__ = [
    "STEPS",
    "Expression",
    "ExpressionError",
    "Fault",
    "Line",
    "Moment",
    "OutOfSteps",
    "Related",
    "Scope",
    "compile_expression",
]
