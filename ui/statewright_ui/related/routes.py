"""The entities that belong to one: whom it names, who names it, each with its life on one time axis."""

from __future__ import annotations

import asyncio
import time

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery

from statewright.stores.words import Ref
from statewright.views import NotBuiltYet, Reference, Related
from statewright_ui import shown, words
from statewright_ui.needs import AskedFor, Needs, ask
from statewright_ui.related.lanes import Life, picture_of
from statewright_ui.rendering import part_of, rendered
from statewright_ui.shell.errors import Nowhere

LANES = 20
"""How many related entities there are on a page."""
TRANSITIONS = 50
"""How many of the latest transitions of each are drawn."""


def related(needs: Needs) -> HTTPRouteHandler:
    """The handler of this page."""

    @get("/entities/{type:str}/{id:str}/related", include_in_schema=False)
    async def page(
        request: AskedFor, type: FromPath[str], id: FromPath[str], after: FromQuery[str] = ""
    ) -> Response[str]:
        ref = Ref(type, id)
        found = await _related(needs, ref, after)
        lives = await _lives(needs, ref, found)
        if lives[0].head is None and (found is None or not found.items):
            raise Nowhere("No such entity", f"The log holds no transition of {type} {id}, and nothing names it.")
        now = max([time.time_ns() // 1000, *(life.head.happened_at for life in lives if life.head)])
        template = "related/_lanes.html" if part_of(request, "lanes") else "related/page.html"
        return rendered(
            request,
            template,
            here="entities",
            live=words.address("live", type=type, entity=id),
            ref=ref,
            kind=lives[0].kind,
            picture=picture_of(lives, now),
            building=found is None,
            next=found.next if found else None,
            paged=bool(after),
        )

    return page


async def _related(needs: Needs, ref: Ref, after: str) -> Related | None:
    """A page of references; None while the view is built for the first time."""
    try:
        return await ask(needs.views.related, *ref, after=after or None, limit=LANES)
    except NotBuiltYet:
        return None
    except ValueError as error:
        raise Nowhere("This address cannot be followed", f"{error}.") from None


async def _lives(needs: Needs, ref: Ref, found: Related | None) -> list[Life]:
    """The entity itself, then those related; one that is related in several ways is told of once for each."""
    others = [(Ref(item.type, item.entity), item) for item in found.items] if found else []
    return await asyncio.gather(_life(needs, ref, None), *(_life(needs, other, item) for other, item in others))


async def _life(needs: Needs, ref: Ref, reference: Reference | None) -> Life:
    kind = shown.kind(needs.catalog, ref.type)
    head = await needs.asking.head(ref)
    if head is None:
        return Life(ref, kind, reference)
    machine = await ask(shown.machine_of, needs.catalog, ref.type, head.revision)
    records = await needs.asking.history(ref, max(head.version - TRANSITIONS, 0))
    return Life(ref, kind, reference, head, machine, records)
