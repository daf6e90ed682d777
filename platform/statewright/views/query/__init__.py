"""The language in which lists are asked for: `type:order state:paid since:>3d data.amount:>100`.

Text is read into a `Query` and written from one, so that what is typed and what is clicked are the same question.
"""

from statewright.views.query.completing import Completion, Hints, completions
from statewright.views.query.reading import read_query
from statewright.views.query.terms import FIELDS, QUERY_CHARACTERS, BadQuery, Fault, Op, Query, Term, Value
from statewright.views.query.writing import narrowed, quoted, term_of, text_of, written

__all__ = [
    "FIELDS",
    "QUERY_CHARACTERS",
    "BadQuery",
    "Completion",
    "Fault",
    "Hints",
    "Op",
    "Query",
    "Term",
    "Value",
    "completions",
    "narrowed",
    "quoted",
    "read_query",
    "term_of",
    "text_of",
    "written",
]
