"""Forms are taken from our own pages alone: another site's page could post to this machine, too."""

from __future__ import annotations

from urllib.parse import urlsplit

from litestar.exceptions import PermissionDeniedException

from statewright_ui.needs import AskedFor


def only_from_here(request: AskedFor) -> None:
    """Raises PermissionDeniedException for a form that another site's page sent.

    Browsers say where a request comes from (`Sec-Fetch-Site`, before that `Origin`); what is no browser says nothing.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        allowed = site in ("same-origin", "none")
    else:
        origin = request.headers.get("origin")
        allowed = origin is None or urlsplit(origin).netloc == request.headers.get("host", "")
    if not allowed:
        raise PermissionDeniedException("a page of another site cannot send forms here")
