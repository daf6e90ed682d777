"""In which form a call answers: by `Accept`, or by a parameter that a link can carry; and tables as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal

from litestar import Request
from litestar.params import QueryParameter

from statewright.http.calls import JSON
from statewright.http.problems import refuse

CSV = "text/csv"
Cell = str | int | float | bool | None

Format = Annotated[
    Literal["json", "csv"] | None,
    QueryParameter(name="format", description="In which form to answer; wins over `Accept`."),
]
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def chosen(request: Request[Any, Any, Any], offered: Sequence[str]) -> str:
    """The media type to answer with, by `Accept`. Raises ProblemFound."""
    try:
        found = request.accept.best_match(list(offered), default=None)
    except OverflowError:  # a weight of `q=inf`
        found = None
    if found is None:
        raise refuse("not_acceptable", f"This call answers with {' or '.join(offered)}.", offered=list(offered))
    return found


def table_or_document(request: Request[Any, Any, Any], format: str | None) -> str:
    """Whether to answer with JSON or with CSV. Raises ProblemFound."""
    return {"json": JSON, "csv": CSV}[format] if format else chosen(request, (JSON, CSV))


def csv_of(names: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """A table with a line of names, as RFC 4180 has it; nothing in it is taken for a formula by a spreadsheet."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(names)
    writer.writerows([csv_cell(value) for value in row] for row in rows)
    return text.getvalue()


def csv_cell(value: Cell) -> Cell:
    """A value as it stands in a table: nothing that a spreadsheet would carry out."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
