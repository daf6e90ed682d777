"""The two posting calls as the OpenAPI document shows them; `hot` stands in front and answers them."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import post
from litestar.params import HeaderParameter, QueryParameter
from msgspec import UNSET, Struct, UnsetType

from statewright.http.calls import JSON, NDJSON, Answer, says
from statewright.http.parameters import EntityId, TypeName
from statewright.http.problems import ProblemFound, refuse
from statewright.http.sending import CommandIn, EventIn
from statewright.http.shapes import Recorded

CommandKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        description="The command's id, quoted or bare: 1 to 255 printable ASCII characters, not beginning `sw:`. `id` "
        "in the body says the same; without either the server makes one.",
    ),
]
WholeKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        description="With `atomic=true`, which needs it: the id of the one command that all make.",
    ),
]
IfMatch = Annotated[
    str | None,
    HeaderParameter(name="If-Match", description='The version expected, as in `"7"`, or `*`: the entity must exist.'),
]
IfNoneMatch = Annotated[
    str | None, HeaderParameter(name="If-None-Match", description="`*`: the entity must not exist yet.")
]
Preferring = Annotated[
    str | None,
    HeaderParameter(name="Prefer", description="`return=minimal`: each line is status, version and position alone."),
]
DryRun = Annotated[bool, QueryParameter(description="Decide, and record nothing.")]
Atomic = Annotated[bool, QueryParameter(description="All commands of the array as one: all are recorded, or none.")]

REFUSALS = (
    "unknown_type",
    "unknown_entity",
    "version_conflict",
    "final",
    "unknown_event",
    "not_in_this_state",
    "invalid_payload",
    "not_allowed",
    "guard_error",
    "guard_refused",
    "write_conflict",
    "unstable",
    "invalid_data",
    "too_large",
    "entity_exists",
    "id_reused",
    "in_the_future",
)
"""Why an event may not happen, in the order of the checks."""
_READING = ("malformed", "unsupported_media_type", "too_slow", "overloaded", "outcome_unknown")


class RecordedOrDryRun(Recorded):
    """What a command recorded; with `dry_run` true, what it would have: `position` is 0 then."""

    dry_run: bool | UnsetType = UNSET


class LineAnswer(Struct):
    """The answer to one line: its own `status`, and what a single call would have answered.

    With 200 or 201 the fields of Recorded, or with `Prefer: return=minimal` just `version` and `position`; else those
    of a problem document, with `line` where the line could not be read.
    """

    status: int
    version: int | UnsetType = UNSET
    position: int | UnsetType = UNSET
    type: str | UnsetType = UNSET
    line: int | UnsetType = UNSET


class LineAnswers(Struct):
    """The answers to an array, in its order."""

    items: list[LineAnswer]


class TogetherAnswer(Struct):
    """What a command over several entities recorded."""

    command: str
    items: list[Recorded]


@post(
    "/entities/{type:str}/{id:str}/transitions",
    opt=says(
        {
            201: Answer("Recorded, durably.", Recorded, headers=("ETag", "Location")),
            200: Answer(
                "A repeat: the answer the command got before. Or a dry run: nothing was recorded.",
                RecordedOrDryRun,
                headers=("ETag", "Location", "Idempotent-Replay"),
            ),
        },
        *_READING,
        *REFUSALS,
        body={JSON: EventIn},
    ),
)
async def send_event(
    type: TypeName,
    id: EntityId,
    dry_run: DryRun = False,
    key: CommandKey = None,
    if_match: IfMatch = None,
    if_none_match: IfNoneMatch = None,
) -> Any:
    """Send an event to an entity: it is decided, and recorded durably before the answer.

    A refusal says why, and what is allowed now. The same command sent again gets the same answer.
    """
    raise _elsewhere("/api/v1/entities/{type}/{id}/transitions")


@post(
    "/commands",
    opt=says(
        {
            200: Answer(
                "One answer per command, in order. (With `atomic=true`: a repeat, answered as the first time.)",
                {JSON: LineAnswers, NDJSON: LineAnswer},
                (JSON, NDJSON),
                headers=("Idempotent-Replay",),
            ),
            201: Answer("With `atomic=true`: all recorded, durably.", TogetherAnswer),
        },
        *_READING,
        *REFUSALS,
        "too_many",
        "spans_partitions",
        body={NDJSON: CommandIn, JSON: list[CommandIn]},
    ),
)
async def send_commands(atomic: Atomic = False, key: WholeKey = None, prefer: Preferring = None) -> Any:
    """Send many commands in one call; each line is answered as a single call would have been, in the same order.

    NDJSON is read as it comes, with no limit on lines; an array holds at most 10,000 commands. Refused and malformed
    lines do not stop later ones. With `atomic=true` an array of at most 1,000 is one command, all or nothing.
    """
    raise _elsewhere("/api/v1/commands")


def _elsewhere(path: str) -> ProblemFound:
    """For spellings of the path that the framework forgives and `hot` does not."""
    return refuse("not_found", f"Write the path exactly as {path}, without a slash at its end.")


HANDLERS = [send_event, send_commands]
