"""What a page says when it cannot be made: one table from exceptions to a status and a sentence."""

from __future__ import annotations

import logging
import secrets
from functools import singledispatch

from litestar import Response
from litestar.exceptions import HTTPException
from litestar.status_codes import HTTP_403_FORBIDDEN, HTTP_404_NOT_FOUND, HTTP_500_INTERNAL_SERVER_ERROR
from msgspec import Struct
from sqlalchemy.exc import InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as Busy

from statewright.catalog.errors import InvalidDefinition, UnknownRevision, UnknownType
from statewright.stores.words import BadPlace, LogDamaged, StoreUnavailable
from statewright.views import NotBuiltYet
from statewright_ui.needs import AskedFor
from statewright_ui.rendering import here, rendered, wanted_part

_log = logging.getLogger("statewright.ui")


class Trouble(Struct, frozen=True):
    """What the reader is told. `again`: asking once more may help."""

    status: int
    title: str
    sentence: str
    again: bool = False

    @property
    def kind(self) -> str:
        """`forbidden` or `error`: the two look different."""
        return "forbidden" if self.status in (401, HTTP_403_FORBIDDEN) else "error"


class Nowhere(Exception):
    """There is nothing at this address; the message says what is missing."""

    def __init__(self, title: str, sentence: str) -> None:
        super().__init__(sentence)
        self.title = title


def error_page(request: AskedFor, error: Exception) -> Response[str]:
    """The page, or the part, that stands where what was asked for should have stood."""
    trouble = trouble_of(error)
    context = {
        "title": trouble.title,
        "sentence": trouble.sentence,
        "kind": trouble.kind,
        "again": here(request) if trouble.again else None,
    }
    part = wanted_part(request)
    if part is not None:
        return rendered(request, "shell/_error.html", status=trouble.status, part=part, **context)
    return rendered(request, "shell/error.html", status=trouble.status, here="", **context)


@singledispatch
def trouble_of(error: Exception) -> Trouble:
    """What to say about an exception. One that nobody foresaw gets a number that is in the server's log."""
    number = secrets.token_hex(4)
    _log.error("page failed, number %s", number, exc_info=error)
    sentence = f"This page could not be made. The server's log tells more under the number {number}."
    return Trouble(HTTP_500_INTERNAL_SERVER_ERROR, "Something went wrong", sentence, again=True)


@trouble_of.register
def _(error: Nowhere) -> Trouble:
    return Trouble(HTTP_404_NOT_FOUND, error.title, str(error))


@trouble_of.register(UnknownType)
@trouble_of.register(UnknownRevision)
def _(error: Exception) -> Trouble:
    return Trouble(HTTP_404_NOT_FOUND, "No such definition", f"{error}.")


@trouble_of.register
def _(error: InvalidDefinition) -> Trouble:
    return Trouble(422, "This definition has errors", f"{error}.")


@trouble_of.register
def _(error: BadPlace) -> Trouble:
    return Trouble(400, "This address cannot be followed", f"{error}.")


@trouble_of.register
def _(error: StoreUnavailable) -> Trouble:
    return Trouble(503, "The log cannot be read just now", "Nothing is lost. Try again in a moment.", again=True)


@trouble_of.register(OperationalError)
@trouble_of.register(InternalError)
@trouble_of.register(Busy)
def _(error: Exception) -> Trouble:
    _log.error("a page waits: a database beside the log cannot be used: %s", error)
    sentence = "A database beside the log does not answer. Nothing is lost. Try again in a moment."
    return Trouble(503, "This cannot be shown just now", sentence, again=True)


@trouble_of.register
def _(error: LogDamaged) -> Trouble:
    return Trouble(500, "The log is damaged", f"{error}. Restore it from a backup, or ask for help.")


@trouble_of.register
def _(error: NotBuiltYet) -> Trouble:
    return Trouble(503, "Being built", f"{error}.", again=True)


@trouble_of.register
def _(error: HTTPException) -> Trouble:
    match error.status_code:
        case 401 | 403:
            return Trouble(
                error.status_code, "Not for you", "You have no grant for this. Ask an administrator for one."
            )
        case 404:
            return Trouble(404, "There is nothing here", "The address names no page. The menu leads to all there are.")
        case status if status < HTTP_500_INTERNAL_SERVER_ERROR:
            return Trouble(status, "This address cannot be followed", str(error.detail))
        case status:
            return Trouble(status, "Something went wrong", "Try again in a moment.", again=True)
