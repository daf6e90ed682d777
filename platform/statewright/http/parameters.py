"""The parameters that calls share, each with its range and its sentence for the OpenAPI document."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from litestar.params import HeaderParameter, PathParameter, QueryParameter

from statewright.http.strictness import LIMIT_DEFAULT, LIMIT_GREATEST, WAIT_GREATEST_S
from statewright.machine.faults import EXACT

TypeName = Annotated[str, PathParameter(description="The entity type: the `id` of its definition.")]
EntityId = Annotated[
    str,
    PathParameter(
        description="The entity's id, percent-encoded: 1 to 200 bytes of printable UTF-8 in NFC, without `/` and `\\`, "
        "no spaces at its ends, neither `.` nor `..`."
    ),
]
RevisionNumber = Annotated[int, PathParameter(ge=1, le=EXACT, description="The revision's number, from 1.")]
VersionNumber = Annotated[int, PathParameter(ge=1, le=EXACT, description="The transition's version, from 1.")]
CommandId = Annotated[Path, PathParameter(description="The command's id, percent-encoded.")]
ProblemCode = Annotated[str, PathParameter(description="The last part of a problem's `type`.")]
ConsolidatorName = Annotated[str, PathParameter(description="The consolidator's name.")]

Limit = Annotated[
    int,
    QueryParameter(
        ge=1,
        description=f"How many items at most: {LIMIT_DEFAULT} unless told, cut to {LIMIT_GREATEST:,}.",
    ),
]
AfterPlace = Annotated[
    str | None,
    QueryParameter(
        max_length=200, description="A place, as it was given: `next` of the part before. Absent: from the start."
    ),
]
AfterRow = Annotated[
    str | None,
    QueryParameter(max_length=2_000, description="`next` of the part before, as it was given. Absent: from the start."),
]
AfterVersion = Annotated[int, QueryParameter(ge=0, le=EXACT, description="Only transitions above this version.")]
OfType = Annotated[str | None, QueryParameter(name="type", max_length=100, description="Only this entity type.")]
TheType = Annotated[str, QueryParameter(name="type", max_length=100, description="The entity type.")]
AtPlace = Annotated[
    str | None, QueryParameter(name="place", max_length=200, description="As it was at this place of the log.")
]
AtMoment = Annotated[
    str | None, QueryParameter(name="at", max_length=100, description="As it was at this moment: RFC 3339 with a zone.")
]
OnBasis = Annotated[
    Literal["recorded", "occurred"],
    QueryParameter(description="Whether `at` means the time of recording or the business time."),
]
FromMoment = Annotated[
    str | None, QueryParameter(name="from", max_length=100, description="The beginning, RFC 3339, itself included.")
]
ToMoment = Annotated[
    str | None, QueryParameter(name="to", max_length=100, description="The end, RFC 3339, itself left out.")
]
MinPlace = Annotated[
    str | None, QueryParameter(max_length=200, description="Answer only once the view has reached this place.")
]
Wait = Annotated[
    float,
    QueryParameter(
        ge=0, le=WAIT_GREATEST_S, description=f"How many seconds to wait for it, at most {WAIT_GREATEST_S:.0f}."
    ),
]
Since = Annotated[
    str | None, HeaderParameter(name="If-None-Match", description="An `ETag` already held: 304 if it still holds.")
]
Resume = Annotated[
    str | None, HeaderParameter(name="Last-Event-ID", description="The place to resume at; wins over `after`.")
]
