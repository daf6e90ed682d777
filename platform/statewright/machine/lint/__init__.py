"""The checks at registration: everything wrong or doubtful in a definition, all at once, each with its place.

One module a subject; each gives the problems of a `Survey`, the definition laid out flat. What a code means, and what
to do, is in `machine.codes`.
"""

from __future__ import annotations

from collections.abc import Iterator

from statewright.machine.definition import Definition
from statewright.machine.lint import (
    actions,
    branches,
    data,
    expressions,
    keep,
    limits,
    migrations,
    naming,
    reachability,
    relations,
    shape,
    timers,
    used,
    writes,
)
from statewright.machine.lint.flow import Flow
from statewright.machine.lint.survey import Survey
from statewright.machine.problem import Problem
from statewright.machine.surroundings import ALONE, Surroundings

__all__ = ["problems_of"]


def problems_of(definition: Definition, around: Surroundings = ALONE) -> list[Problem]:
    """All errors and warnings of a well-formed definition, without lines and columns.

    Of a definition far beyond the limits only that is said: everything else would cost more than it tells.
    """
    return limits.beyond(definition) or [*_problems(Survey(definition), around)]


def _problems(survey: Survey, around: Surroundings) -> Iterator[Problem]:
    flow = Flow(survey)
    yield from limits.problems_of(survey)
    yield from naming.problems_of(survey)
    yield from shape.problems_of(survey)
    yield from branches.problems_of(survey)
    yield from branches.definitions_of(survey)
    yield from actions.problems_of(survey)
    yield from data.problems_of(survey)
    yield from keep.problems_of(survey)
    yield from relations.problems_of(survey)
    yield from timers.problems_of(survey)
    yield from migrations.problems_of(survey, around)
    yield from expressions.problems_of(flow, around)
    yield from writes.problems_of(flow)
    yield from reachability.problems_of(flow)
    yield from used.problems_of(survey)
