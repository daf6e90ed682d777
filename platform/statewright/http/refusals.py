"""Refusals over HTTP: the latest events that were not let through, whole, and why."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from litestar import get
from litestar.di import NamedDependency
from litestar.params import QueryParameter
from msgspec import Struct

from statewright.catalog import Refusal
from statewright.http.calls import Answer, says
from statewright.http.parameters import AfterRow, Limit, OfType
from statewright.http.rooms import Rooms
from statewright.http.shapes import ActorShape, Page, State, state_of
from statewright.http.strictness import LIMIT_DEFAULT, cut
from statewright.machine.moments import text_of


class RefusalShape(Struct):
    """An event that was not let through: what was sent, by whom, and why not. `cut`: the payload was too large."""

    at: str
    type: str
    entity: str
    event: str | None
    why: str
    detail: str
    state: State
    version: int
    revision: int
    command: str
    actor: ActorShape
    occurred_at: str | None
    payload: dict[str, Any]
    explanation: list[dict[str, Any]]
    cut: bool


@get(
    "/refusals",
    opt=says(Answer("Refusals, oldest first.", Page[RefusalShape])),
)
async def list_refusals(
    rooms: NamedDependency[Rooms],
    of_type: OfType = None,
    in_state: Annotated[
        str | None, QueryParameter(name="state", max_length=300, description="Only in this state.")
    ] = None,
    event: Annotated[str | None, QueryParameter(max_length=200, description="Only this event.")] = None,
    why: Annotated[str | None, QueryParameter(max_length=100, description="Only for this reason.")] = None,
    after: AfterRow = None,
    limit: Limit = LIMIT_DEFAULT,
) -> Page[RefusalShape]:
    """The latest 10,000 refusals, whole, with personal values withheld."""
    ask = rooms.catalog.refusals.page
    page = await asyncio.to_thread(
        ask, type=of_type, state=in_state, event=event, why=why, after=after, limit=cut(limit)
    )
    return Page([_refusal(each) for each in page.items], page.next)


def _refusal(refusal: Refusal) -> RefusalShape:
    return RefusalShape(
        at=text_of(refusal.at),
        type=refusal.type,
        entity=refusal.entity,
        event=refusal.event,
        why=refusal.why,
        detail=refusal.detail,
        state=state_of(refusal.leaves or None),
        version=refusal.version,
        revision=refusal.revision,
        command=refusal.command,
        actor=ActorShape(refusal.actor.id, refusal.actor.roles),
        occurred_at=None if refusal.occurred_at is None else text_of(refusal.occurred_at),
        payload=refusal.payload,
        explanation=refusal.explanation,
        cut=refusal.cut,
    )


HANDLERS = [list_refusals]
