"""What each call takes and answers, said beside its route and gathered into the OpenAPI document."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

JSON = "application/json"
NDJSON = "application/x-ndjson"
ANY_CALL = ("bad_parameter", "unauthenticated", "forbidden", "method_not_allowed", "internal", "store_unavailable")
"""Problems that any call may answer with."""

HEADERS = {
    "ETag": "The entity's version in double quotes, for `If-Match` and `If-None-Match`.",
    "Location": "The path of what was made.",
    "Idempotent-Replay": "`true`: the command stood in the log already, and this is the answer it got then.",
    "Statewright-Place": "How far the answer shows the log; give it back as `min_place`, `place` or `after`.",
    "Retry-After": "After how many seconds to try again.",
    "Allow": "The methods that the path takes.",
    "Link": 'Where what follows is, as `rel="next"`.',
    "Content-Location": "The path of the revision that is shown.",
}
"""Every header that an answer may carry, and what it says."""


class Answer(Struct, frozen=True):
    """One way a call answers when all is well: what is in the body (None: nothing), in which media types."""

    says: str
    shape: Any = None
    media: tuple[str, ...] = (JSON,)
    headers: tuple[str, ...] = ()


class Call(Struct, frozen=True):
    """A route's part of the OpenAPI document. `body` has a shape per media type; `problems` are codes of the table."""

    answers: Mapping[int, Answer]
    problems: tuple[str, ...] = ()
    body: Mapping[str, Any] = {}


def says(
    answers: Mapping[int, Answer] | Answer, *problems: str, body: Mapping[str, Any] | None = None
) -> dict[str, Call]:
    """A route's `opt`: what it answers (one Answer means 200), and the problems of its own."""
    return {"call": Call({200: answers} if isinstance(answers, Answer) else answers, problems, body or {})}
