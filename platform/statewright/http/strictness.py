"""What every call is held to before its handler sees it: paths and query strings that can be read in one way only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

from litestar import Request
from litestar.handlers.base import BaseRouteHandler
from litestar.params import QueryParameter
from litestar.typing import FieldDefinition

from statewright.catalog.principals import Principal, principal_of
from statewright.commands.names import fault_of_entity_id
from statewright.http.problems import refuse
from statewright.machine.moments import Micros, micros_of
from statewright.machine.names import nearest

LIMIT_DEFAULT = 100
LIMIT_GREATEST = 10_000
WAIT_GREATEST_S = 30.0

AnyRequest = Request[Any, Any, Any]


def check_request(request: AnyRequest) -> None:
    """Refuse what the framework would let pass: unknown or repeated parameters, broken encodings, odd entity ids.

    Made for Litestar's `before_request`, so that no route can forget it. Raises ProblemFound.
    """
    request.state.principal = principal_of(request.headers.get("authorization"))
    _check_site(request)
    _check_path(request)
    query: bytes = request.scope["query_string"]
    if query:
        _check_query(query, _parameters_of(request.route_handler))


def principal_behind(request: AnyRequest) -> Principal:
    """Who is calling, as `check_request` found."""
    principal: Principal = request.state.principal
    return principal


def _check_site(request: AnyRequest) -> None:
    """Refuse what another site's page has a browser send: as long as nobody is asked for a key, it would be let in.

    Calls with a JSON body need no such check: a browser asks first whether it may send those, and is told nothing.
    """
    if request.method != "GET" and request.headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise refuse("forbidden", "A page of another site may not send this.")


def _check_path(request: AnyRequest) -> None:
    raw: bytes = request.scope.get("raw_path") or b""
    if b"%" in raw:
        decoded = unquote_to_bytes(raw.partition(b"?")[0])
        if decoded.count(b"/") != raw.count(b"/") and "command" not in request.path_params:
            raise refuse("bad_parameter", "An encoded slash stands in the path; only a command's id may hold one.")
        try:
            decoded.decode()
        except UnicodeDecodeError:
            raise refuse("bad_parameter", "The path is not UTF-8 once its percent signs are decoded.") from None
    id = request.path_params.get("id")
    fault = None if id is None else fault_of_entity_id(id)
    if fault is not None:
        raise refuse("bad_parameter", f"The entity's id {fault}.", parameter="id")


def _check_query(query: bytes, known: dict[str, bool]) -> None:
    try:
        pairs = parse_qsl(query.decode("ascii"), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError:
        raise refuse("bad_parameter", "The query string is not UTF-8 once its percent signs are decoded.") from None
    except ValueError as error:
        raise refuse("bad_parameter", f"The query string cannot be read: {error}.") from None
    seen: set[str] = set()
    for name, _ in pairs:
        if name not in known:
            raise _unknown(name, known)
        if name in seen and not known[name]:
            raise refuse("bad_parameter", f"{name} stands in the query more than once.", parameter=name)
        seen.add(name)


def _unknown(name: str, known: Iterable[str]) -> Exception:
    shown, near = name[:100], nearest(name, known)
    takes = f"it takes {', '.join(known)}" if known else "it takes none"
    hint = f"did you mean {near}?" if near else f"{takes}."
    return refuse("bad_parameter", f"This call has no parameter {shown!r}; {hint}", parameter=shown, nearest=near)


@lru_cache(maxsize=256)
def _parameters_of(handler: BaseRouteHandler) -> dict[str, bool]:
    """The query parameters that a handler declares, by the name they have on the wire, and whether each may repeat."""
    own = handler.parsed_fn_signature.parameters
    found = dict(_query_parameters(own))
    for name, provided in handler.resolve_dependencies().items():
        if name in own:
            found.update(_query_parameters(provided.parsed_fn_signature.parameters))
    return found


def _query_parameters(signature: Mapping[str, FieldDefinition]) -> Iterable[tuple[str, bool]]:
    for name, field in signature.items():
        if isinstance(field.kwarg_definition, QueryParameter):
            yield field.kwarg_definition.name or name, field.is_non_string_sequence or _is_list(field)


def _is_list(field: FieldDefinition) -> bool:
    return any(inner.is_non_string_sequence for inner in field.inner_types)


def cut(limit: int) -> int:
    """The limit as asked, or the greatest there is."""
    return min(limit, LIMIT_GREATEST)


def moment(name: str, text: str | None) -> Micros | None:
    """A time given in the query as microseconds. Raises ProblemFound, naming the parameter."""
    if text is None:
        return None
    try:
        # a plus sign in a query string means a space, and "+02:00" is written without thinking of that
        return micros_of(text.replace(" ", "+") if text.count(" ") == 1 and "T" in text.upper() else text)
    except ValueError as error:
        raise refuse("bad_parameter", f"{name}: {error}.", parameter=name) from None
