"""How the platform itself is: where each consolidator stands, and what it could not handle."""

from __future__ import annotations

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler

from statewright_ui.needs import AskedFor, Needs
from statewright_ui.rendering import part_of, rendered
from statewright_ui.standing import behind


def system(needs: Needs) -> HTTPRouteHandler:
    """The handler of this page."""

    @get("/system", include_in_schema=False)
    async def page(request: AskedFor) -> Response[str]:
        standing = await behind(needs)
        template = "system/_consolidators.html" if part_of(request, "consolidators") else "system/page.html"
        place = await needs.store.latest_place()
        return rendered(
            request, template, here="system", live="/live", standing=standing, place=place, log=needs.store.log_id
        )

    return page
