"""How the platform itself is: what is due when, where each consolidator stands, and what could not be handled."""

from __future__ import annotations

from litestar import Response, get, post
from litestar.exceptions import PermissionDeniedException
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath
from litestar.response import Redirect
from msgspec import Struct

from statewright.commands import Stuck
from statewright.machine.chart import spoken
from statewright.stores.words import Ref
from statewright.views import BEGINNING, TIMERS, Deadline, NotBuiltYet
from statewright_ui import shown, words
from statewright_ui.needs import AskedFor, Needs, ask
from statewright_ui.rendering import part_of, rendered
from statewright_ui.standing import behind

NEXT = 12
"""How many of the deadlines that come next are listed."""
_FOR_EVER = 2**62


class Due(Struct, frozen=True):
    """A timer that runs, of which entity, in which state."""

    deadline: Deadline
    kind: shown.Kind
    state: shown.State

    @property
    def words(self) -> str:
        """The timer's key for people."""
        return spoken(self.deadline.timer.key)


class Held(Struct, frozen=True):
    """A timer that could not fire."""

    stuck: Stuck
    kind: shown.Kind
    state: shown.State


def system(needs: Needs) -> list[HTTPRouteHandler]:
    """The handlers of this page."""

    @get("/system", include_in_schema=False)
    async def page(request: AskedFor) -> Response[str]:
        standing = await behind(needs)
        template = "system/_consolidators.html" if part_of(request, "consolidators") else "system/page.html"
        return rendered(
            request,
            template,
            here="system",
            live="/live",
            standing=standing,
            place=await needs.store.latest_place(),
            log=needs.store.log_id,
            due=await ask(_due, needs),
            fired_by=await ask(needs.views.holder, TIMERS),
            stuck=_stuck(needs),
        )

    @post("/system/timers/{type:str}/{id:str}", include_in_schema=False)
    async def again(request: AskedFor, type: FromPath[str], id: FromPath[str]) -> Redirect:
        """Have the stuck timers of an entity tried again, and show the page."""
        # A page of another site could have the browser send this, as long as nobody is asked for a key.
        if request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            raise PermissionDeniedException("A page of another site may not send this.")
        if needs.timers is not None:
            needs.timers.try_again(Ref(type, id))
        return Redirect(words.address("system"), status_code=303)

    return [page, again]


def _due(needs: Needs) -> list[Due]:
    """What is due next, the earliest first; empty while the view is being built."""
    try:
        found = needs.views.deadlines(_FOR_EVER, after=BEGINNING, limit=NEXT).items
    except NotBuiltYet:
        return []
    kinds = {type: shown.kind(needs.catalog, type) for type in {each.type for each in found}}
    return [Due(each, kinds[each.type], shown.state(kinds[each.type].machine, each.timer.state)) for each in found]


def _stuck(needs: Needs) -> list[Held]:
    """The timers that could not fire, the longest due first."""
    found = needs.timers.stuck() if needs.timers is not None else []
    kinds = {type: shown.kind(needs.catalog, type) for type in {each.ref.type for each in found}}
    return [
        Held(each, kinds[each.ref.type], shown.state(kinds[each.ref.type].machine, each.timer.state)) for each in found
    ]
