"""One entity: where it is, how it got there, what it carries, and what may happen next. All from the log."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from statewright.catalog import Wanted
from statewright.machine.compile import Machine
from statewright.machine.record import Record
from statewright.stores.words import Ref
from statewright_ui import words
from statewright_ui.entity import steps
from statewright_ui.entity.portrait import Portrait, data_of, history_of, now_of, portrait_of
from statewright_ui.entity.ribbon import stays_of
from statewright_ui.entity.sending import Turned, offers_of, send
from statewright_ui.entity.waiting import limits_of, running_of
from statewright_ui.needs import AskedFor, Needs, ask
from statewright_ui.posting import see_other, sent
from statewright_ui.refusals.routes import kept_of
from statewright_ui.rendering import part_of, rendered, wanted_part


def entity(needs: Needs) -> list[HTTPRouteHandler]:
    """The handlers of this page."""

    @get("/entities/{type:str}/{id:str}", include_in_schema=False)
    async def one(request: AskedFor, type: FromPath[str], id: FromPath[str]) -> Response[str]:
        portrait = await portrait_of(request, needs, Ref(type, id))
        match part_of(request, "life", "now", "facts", "history"):
            case "now":
                return rendered(request, "entity/_now.html", portrait=portrait, **await now_of(needs, portrait))
            case "facts":
                return rendered(
                    request, "entity/_facts.html", portrait=portrait, **await _facts(request, needs, portrait)
                )
            case "history":
                return rendered(
                    request, "entity/_history.html", portrait=portrait, history=await history_of(needs, portrait)
                )
            case "life":
                return await _whole(request, needs, portrait, "entity/_life.html")
        return await _whole(request, needs, portrait, "entity/page.html")

    @post("/entities/{type:str}/{id:str}", include_in_schema=False, status_code=200)
    async def act(request: AskedFor, type: FromPath[str], id: FromPath[str]) -> Response[Any]:
        ref = Ref(type, id)
        answer = await send(request, needs, ref, await sent(request))
        part = wanted_part(request) == "life"
        if isinstance(answer, Record) and not part:
            return see_other(f"{words.address('entities', *ref)}#v{answer.version}")
        portrait = await portrait_of(request, needs, ref)
        template = "entity/_life.html" if part else "entity/page.html"
        if isinstance(answer, Record):
            response = await _whole(request, needs, portrait, template, recorded=answer)
            response.headers["HX-Replace-Url"] = portrait.sight.home
            return response
        return await _whole(request, needs, portrait, template, turned=answer)

    return [one, act]


async def _whole(
    request: AskedFor,
    needs: Needs,
    portrait: Portrait,
    template: str,
    *,
    turned: Turned | None = None,
    recorded: Record | None = None,
) -> Response[str]:
    return rendered(
        request,
        template,
        status=200 if turned is None else turned.status,
        here="entities",
        live=words.address("live", type=portrait.ref.type, entity=portrait.ref.id),
        portrait=portrait,
        turned=turned,
        recorded=recorded,
        title=None if recorded is None else steps.title_of(portrait.machine, recorded),
        history=await history_of(needs, portrait),
        **await _facts(request, needs, portrait, turned),
        **await now_of(needs, portrait),
    )


async def _facts(request: AskedFor, needs: Needs, portrait: Portrait, turned: Turned | None = None) -> dict[str, Any]:
    """What it carries at the version looked at; and, of the newest, what it waits for and what may happen next."""
    machine = portrait.machine
    found: dict[str, Any] = {
        "data": data_of(portrait),
        "curls": _curls(request, portrait),
        "refused": (await ask(kept_of, needs, Wanted(type=portrait.ref.type, entity=portrait.ref.id), limit=5)).items,
        "choices": steps.Choices([], [], []),
        "offers": [],
        "running": [],
        "limits": [],
        "stuck": {},
    }
    if machine is None or portrait.sight.past:
        return found
    stuck = needs.timers.stuck(portrait.ref.type) if needs.timers is not None and portrait.newest.timers else []
    choices = await _choices(request, needs, portrait, machine)
    found |= {
        "choices": choices,
        "offers": offers_of(machine, portrait.newest, choices, turned),
        "running": running_of(machine, portrait.newest.timers),
        "limits": [] if portrait.ended else limits_of(machine, stays_of(portrait.records), time.time_ns() // 1000),
        "stuck": {each.timer: each for each in stuck if each.ref == portrait.ref},
    }
    return found


async def _choices(request: AskedFor, needs: Needs, portrait: Portrait, machine: Machine) -> steps.Choices:
    path = words.address("api", "v1", "entities", *portrait.ref, "transitions")

    def curl_of(body: Mapping[str, Any]) -> str:
        return words.curl(str(request.base_url), path, body, If_Match=f'"{portrait.newest.version}"')

    may = await needs.asking.allowed(portrait.ref, portrait.newest)
    return steps.choices_of(machine, portrait.newest, may, curl_of)


def _curls(request: AskedFor, portrait: Portrait) -> list[tuple[str, str]]:
    """Commands for a shell that read what the page shows, each with what it gives."""
    base, home = str(request.base_url), ("api", "v1", "entities", *portrait.ref)
    version = portrait.sight.version if portrait.sight.at else None
    as_it = "it is" if version is None else f"it was at version {version}"
    return [
        (f"The entity as {as_it}", words.curl(base, words.address(*home, version=version))),
        ("Its history", words.curl(base, words.address(*home, "transitions"))),
        ("What may happen next", words.curl(base, words.address(*home, "allowed"))),
    ]
