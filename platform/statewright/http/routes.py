"""The API put together: all routes with what they share, and how whatever goes wrong in them becomes a problem."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import msgspec
from litestar import Request, Response, Router, get
from litestar.di import Provide
from litestar.exceptions import MethodNotAllowedException, NotFoundException
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct

from statewright.http import (
    bulk,
    changing,
    creating,
    definitions,
    docs,
    drawing,
    entities,
    exporting,
    importing,
    log,
    measures,
    operations,
    posting,
    refusals,
    saved,
    timers,
    views,
)
from statewright.http.bodies import BODY_BYTES
from statewright.http.calls import JSON, Answer, says
from statewright.http.openapi import document_of
from statewright.http.parameters import ProblemCode
from statewright.http.problems import MEDIA_TYPE, TABLE, encode, problem_of, refuse
from statewright.http.rooms import Rooms
from statewright.http.shapes import Page
from statewright.http.strictness import AnyRequest, check_request
from statewright.machine.names import nearest

API = "/api"
_HTML = "text/html"
_OURS = (API, "/problems", "/health", "/metrics")
_BY_ACCEPT = {"Vary": "Accept"}
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_CALLS: Sequence[HTTPRouteHandler] = [
    *definitions.HANDLERS,
    *changing.HANDLERS,
    *importing.HANDLERS,
    *creating.HANDLERS,
    *posting.HANDLERS,
    *entities.HANDLERS,
    *drawing.HANDLERS,
    *views.HANDLERS,
    *exporting.HANDLERS,
    *saved.HANDLERS,
    *bulk.HANDLERS,
    *timers.HANDLERS,
    *measures.HANDLERS,
    *refusals.HANDLERS,
    *log.HANDLERS,
    *operations.HANDLERS,
]


class Explained(Struct):
    """What a problem means and what to do about it; `code` is the last part of its `type`."""

    code: str
    type: str
    status: int
    title: str
    meaning: str
    remedy: str
    retry_after_s: int | None


@get("/problems", include_in_schema=False)
async def list_problems(request: Request[Any, Any, Any]) -> Response[Any]:
    """All problems there are."""
    if _wants_html(request):
        return docs.problems_page()
    return Response(Page([_explained(code) for code in TABLE], None), headers=_BY_ACCEPT)


@get("/problems/{code:str}", opt=says(Answer("The explanation.", Explained, (JSON, _HTML)), "not_found"))
async def explain_problem(request: Request[Any, Any, Any], code: ProblemCode) -> Response[Any]:
    """What a problem means and what to do about it, as a page for browsers."""
    if code not in TABLE:
        near = nearest(code, TABLE)
        hint = f"; did you mean {near}?" if near else "; `GET /problems` lists all."
        raise refuse("not_found", f"There is no problem {code[:100]!r}{hint}", nearest=near)
    if _wants_html(request):
        return docs.problem_page(code, TABLE[code])
    return Response(_explained(code), headers=_BY_ACCEPT)


@get("/openapi.json", opt=says(Answer("The document.", dict[str, Any])))
async def read_openapi() -> Response[bytes]:
    """This API as an OpenAPI 3.1 document."""
    return Response(msgspec.json.encode(openapi()), media_type=JSON)


@get(f"{API}/docs", include_in_schema=False)
async def read_docs() -> Response[str]:
    """This API as a page for people."""
    return docs.api_page(openapi())


def api(rooms: Rooms) -> list[Router]:
    """All routes of the API, to be registered beside the pages'; `answer_problem` must be among the app's handlers."""
    return _routers(rooms)


def answer_problem(request: AnyRequest, error: Exception) -> Response[bytes]:
    """The problem document for anything raised in a route, or before one was found.

    To be the app's handler for HTTPException and Exception on paths for which `is_ours` holds.
    """
    found = problem_of(error, f"{request.method} {request.scope['path']}")
    headers = dict(found.headers)
    if isinstance(error, MethodNotAllowedException):
        headers["allow"] = ", ".join(_methods_of(request))
    return Response(encode(found), status_code=found.status, media_type=MEDIA_TYPE, headers=headers)


def is_ours(path: str) -> bool:
    """Whether errors under this path are for programs, and so problem documents."""
    return any(path == ours or path.startswith(ours + "/") for ours in _OURS)


@lru_cache(maxsize=1)
def openapi() -> dict[str, Any]:
    """The OpenAPI document; made when first asked for, since it takes a moment and never changes."""
    return document_of(_routers(None))


def _routers(rooms: Rooms | None) -> list[Router]:
    provided = {"rooms": Provide(lambda: rooms, sync_to_thread=False)}
    headers = {"X-Content-Type-Options": "nosniff"}
    return [
        Router(
            f"{API}/v1",
            route_handlers=[*_CALLS, read_openapi],
            before_request=check_request,
            dependencies=provided,
            request_max_body_size=BODY_BYTES,
            response_headers={**headers, "Cache-Control": "no-cache"},
        ),
        Router(
            "/",
            route_handlers=[*operations.ROOT_HANDLERS, list_problems, explain_problem, read_docs],
            before_request=check_request,
            dependencies=provided,
            response_headers=headers,
        ),
    ]


def _methods_of(request: AnyRequest) -> list[str]:
    """The methods that the path of a request takes; a 405 must name them (RFC 9110, section 15.5.6)."""
    found = []
    for method in _METHODS:
        try:
            request.app.asgi_router.handle_routing(path=request.scope["path"], method=method)
            found += [method, "HEAD"] if method == "GET" else [method]
        except (MethodNotAllowedException, NotFoundException):
            continue
    return found


def _wants_html(request: AnyRequest) -> bool:
    """Whether a browser is asking; programs that take anything get JSON."""
    return _HTML in request.headers.get("accept", "")


def _explained(code: str) -> Explained:
    row = TABLE[code]
    return Explained(code, f"/problems/{code}", row.status, row.title, row.meaning, row.remedy, row.retry_after_s)
