"""The OpenAPI document: paths and parameters as the routes declare them, bodies and answers as `says` does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import version
from typing import Any

import msgspec
from litestar import Litestar, Router
from litestar.handlers import HTTPRouteHandler
from litestar.openapi import OpenAPIConfig
from msgspec import Struct

from statewright.http.calls import ANY_CALL, HEADERS, Answer, Call
from statewright.http.problems import MEDIA_TYPE, TABLE

_REF = "#/components/schemas/{name}"
_DESCRIPTION = (
    "Statewright keeps the lives of business entities. Errors are problem documents (RFC 9457) whose `type` names a "
    "page that explains them. Times are RFC 3339 in UTC. Places are text: hand them back as they came."
)


class ProblemDocument(Struct):
    """An error (RFC 9457). Further fields depend on the problem: see what `type` names."""

    type: str
    title: str
    status: int
    detail: str


def document_of(routes: Iterable[Router | HTTPRouteHandler]) -> dict[str, Any]:
    """The OpenAPI 3.1 document of these routes."""
    config = OpenAPIConfig(
        title="Statewright",
        version=version("statewright"),
        description=_DESCRIPTION,
        operation_id_creator=lambda handler, method, path: handler.handler_name,
        use_handler_docstrings=True,
    )
    # an application of its own, never served: the framework builds the document only as part of one
    described = Litestar([*routes], openapi_config=config, logging_config=None)
    document = described.openapi_schema.to_schema()
    calls = {handler.handler_name: handler.opt["call"] for handler in _handlers(described) if "call" in handler.opt}
    schemas = _Schemas(calls.values())
    for item in document["paths"].values():
        for operation in item.values():
            _complete(operation, calls[operation["operationId"]], schemas)
    document["components"] = {"schemas": schemas.components}
    # there and back, so that all in it is as JSON has it: lists for tuples, say
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(document))
    return plain


def _handlers(app: Litestar) -> Iterable[HTTPRouteHandler]:
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            if isinstance(handler, HTTPRouteHandler):
                yield handler


def _complete(operation: dict[str, Any], call: Call, schemas: _Schemas) -> None:
    """Put a call's own words in the place of the framework's guesses."""
    summary, _, rest = operation.get("description", "").partition("\n\n")
    operation["summary"] = " ".join(summary.split())
    operation["description"] = " ".join(summary.split()) + ("\n\n" + rest if rest else "")
    for parameter in operation.get("parameters", ()):
        parameter["schema"].pop("description", None)
    if call.body:
        content = {media: {"schema": schemas.of(shape)} for media, shape in call.body.items()}
        operation["requestBody"] = {"required": True, "content": content}
    operation["responses"] = {
        **{str(status): _answer(answer, schemas) for status, answer in call.answers.items()},
        **_problems((*ANY_CALL, *call.problems), schemas, call.answers),
    }


def _answer(answer: Answer, schemas: _Schemas) -> dict[str, Any]:
    found: dict[str, Any] = {"description": answer.says}
    if answer.shape is not None:
        found["content"] = {media: {"schema": schemas.of(_shape_in(answer.shape, media))} for media in answer.media}
    if answer.headers:
        found["headers"] = _headers(answer.headers)
    return found


def _shape_in(shape: Any, media: str) -> Any:
    return shape[media] if isinstance(shape, Mapping) else shape


def _problems(codes: Iterable[str], schemas: _Schemas, taken: Mapping[int, Answer]) -> dict[str, Any]:
    by_status: dict[int, list[str]] = {}
    for code in dict.fromkeys(codes):
        by_status.setdefault(TABLE[code].status, []).append(code)
    found = {}
    for status in sorted(by_status.keys() - taken.keys()):
        told = [f"`{code}`: {TABLE[code].title}." for code in by_status[status]]
        found[str(status)] = {
            "description": "\n\n".join(told),
            "content": {MEDIA_TYPE: {"schema": schemas.of(ProblemDocument)}},
            "headers": _headers(_headers_with(status, by_status[status])),
        }
        if not found[str(status)]["headers"]:
            del found[str(status)]["headers"]
    return found


def _headers_with(status: int, codes: Iterable[str]) -> tuple[str, ...]:
    if status == 405:
        return ("Allow",)
    return ("Retry-After",) if any(TABLE[code].retry_after_s for code in codes) else ()


def _headers(names: Iterable[str]) -> dict[str, Any]:
    return {name: {"description": HEADERS[name], "schema": {"type": "string"}} for name in names}


class _Schemas:
    """JSON Schemas of all shapes, each under its name once."""

    def __init__(self, calls: Iterable[Call]) -> None:
        shapes = [ProblemDocument, *(shape for call in calls for shape in _shapes_of(call))]
        self._types: list[Any] = []
        for shape in shapes:
            if shape not in self._types:
                self._types.append(shape)
        found, self.components = msgspec.json.schema_components(self._types, ref_template=_REF)
        self._found = list(found)

    def of(self, shape: Any) -> dict[str, Any]:
        """The schema of a shape, as a reference where it has a name."""
        return self._found[self._types.index(shape)]


def _shapes_of(call: Call) -> Iterable[Any]:
    yield from call.body.values()
    for answer in call.answers.values():
        if isinstance(answer.shape, Mapping):
            yield from answer.shape.values()
        elif answer.shape is not None:
            yield answer.shape
