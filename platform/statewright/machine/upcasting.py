"""Records as they were written by any release so far, read as this release writes them.

The format's version stands in the record (absent means 1). When it changes, `CASTS` gets the function that turns the
JSON of the version before into the new one, and samples of the new version go to `tests/machine/records`, for good.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from statewright.machine.record import FORMAT, Record

Cast = Callable[[dict[str, Any]], dict[str, Any]]
"""Makes of a record of one version, as JSON, the same record in the next version."""

CASTS: Mapping[int, Cast] = {}
"""By the version they read."""

_decode = msgspec.json.Decoder(Record).decode
_decode_any = msgspec.json.Decoder(dict[str, Any]).decode


class UnknownFormat(ValueError):
    """A record was written by a later release (or by none): this one would misread it, so it does not read it."""

    def __init__(self, format: object) -> None:
        super().__init__(
            f"it was written in format {format!r}, and this release of Statewright reads formats up to {FORMAT}: "
            "run the release that wrote it, or a later one"
        )
        self.format = format


def record_of(text: str | bytes, casts: Mapping[int, Cast] = CASTS) -> Record:
    """The record that `text` holds, whichever version of the format it was written in.

    Raises UnknownFormat, and msgspec.DecodeError where it is no record at all.
    """
    try:
        record = _decode(text)
    except msgspec.ValidationError:
        return _upcast(text, casts)  # an older version may have had other fields
    return record if record.format == FORMAT else _upcast(text, casts)


def _upcast(text: str | bytes, casts: Mapping[int, Cast]) -> Record:
    fields = _decode_any(text)
    format = fields.get("format", 1)
    if not isinstance(format, int) or isinstance(format, bool) or format > FORMAT:
        raise UnknownFormat(format)
    while format < FORMAT:
        if format not in casts:
            raise UnknownFormat(format)
        fields = {**casts[format](fields), "format": format + 1}
        format += 1
    return msgspec.convert(fields, Record)
