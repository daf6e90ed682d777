"""The one table of what can be wrong with a definition: each code with its severity, meaning, remedy and an example.

The reference is made from it, and a test holds it to what the checks really say.
"""

from __future__ import annotations

from statewright.machine.codes import charts, data, documents, expressions
from statewright.machine.codes.row import Document, Row

__all__ = ["TABLE", "Document", "Row"]

TABLE: dict[str, Row] = {**documents.ROWS, **charts.ROWS, **expressions.ROWS, **data.ROWS}
"""By code, those for whole documents first."""
