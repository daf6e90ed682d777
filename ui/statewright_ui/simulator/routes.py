"""The simulator: a life stepped through by forms, under any revision. What was done has an address of its own."""

from __future__ import annotations

import time
from typing import Any

import msgspec
from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery
from msgspec import Struct
from msgspec.structs import replace

from statewright.catalog import CatalogError, Revision
from statewright.machine.compile import Machine
from statewright.machine.moments import Micros, duration_of, text_of
from statewright.machine.playing import Life
from statewright.machine.record import Actor
from statewright.machine.scenarios import Act, read_scenarios
from statewright.machine.simulating import (
    ACTS,
    Run,
    decoded,
    encoded,
    joined,
    next_timer,
    play_run,
    scenario_of,
    wait_for,
)
from statewright_ui import shown
from statewright_ui.forms import read_form, typed_of
from statewright_ui.needs import AskedFor, Needs, ask
from statewright_ui.posting import field, see_other, sent
from statewright_ui.rendering import rendered
from statewright_ui.shell.errors import Nowhere
from statewright_ui.simulator.beginning import Begun, filled_in, from_entity, from_refusal
from statewright_ui.simulator.showing import Typed, shown_run
from statewright_ui.words import address

_ID = 200


class Place(Struct, frozen=True):
    """Where a reader is: which revision, which run, after how many of its acts, and who acts."""

    type: str
    revision: int
    run: str
    at: int
    actor: str
    roles: tuple[str, ...]

    def address(self, **other: Any) -> str:
        """The page of this place, or of one that differs in some of it; `event` and `refusal` open the form of one."""
        place = replace(self, **{key: value for key, value in other.items() if key in self.__struct_fields__})
        query: dict[str, Any] = {
            "revision": place.revision,
            "run": place.run,
            "at": place.at,
            "actor": place.actor,
            "role": list(place.roles),
            **{key: value for key, value in other.items() if key in ("event", "refusal")},
        }
        return address("definitions", place.type, "simulate", **query)


def simulator(needs: Needs) -> list[HTTPRouteHandler]:
    """The handlers of these pages."""

    @get("/definitions/{type:str}/simulate", include_in_schema=False)
    async def page(
        request: AskedFor,
        type: FromPath[str],
        revision: FromQuery[str] = "",
        run: FromQuery[str] = "",
        at: FromQuery[str] = "",
        entity: FromQuery[str] = "",
        version: FromQuery[str] = "",
        event: FromQuery[str] = "",
        refusal: FromQuery[str] = "",
    ) -> Response[Any]:
        revisions, chosen = await _revision(needs, type, revision)
        if not run and (entity or refusal):
            told = await _begun(needs, chosen, entity, version, refusal)
            actor = told.actor
            name = await ask(needs.catalog.runs.keep, type, encoded(told.run))
            place = Place(type, chosen.revision, name, len(told.run.acts), actor.id, actor.roles)
            return see_other(place.address(event=event, refusal=refusal))
        if not run:
            empty = Run(text_of(time.time_ns() // 1_000_000_000 * 1_000_000))
            run = await ask(needs.catalog.runs.keep, type, encoded(empty))
            return see_other(_place(request, chosen, run, 0).address())
        kept = await _read(needs, type, run)
        place = _place(request, chosen, run, _number(at, len(kept.acts)))
        typed = await ask(filled_in, needs, chosen, refusal, event) if place.at == len(kept.acts) else None
        return await _page(request, needs, revisions, chosen, kept, place, typed)

    @post("/definitions/{type:str}/simulate", include_in_schema=False)
    async def act(request: AskedFor, type: FromPath[str]) -> Response[Any]:
        fields = await sent(request)
        revisions, chosen = await _revision(needs, type, field(fields, "revision"))
        kept = await _read(needs, type, field(fields, "run"))
        roles = tuple(dict.fromkeys(str(value)[:_ID] for name, value in fields if name == "role" and value))
        more = tuple(role.strip()[:_ID] for role in field(fields, "more_roles").split(",") if role.strip())
        place = Place(
            type,
            chosen.revision,
            field(fields, "run"),
            _number(field(fields, "at"), len(kept.acts)),
            field(fields, "actor").strip()[:_ID] or "anonymous",
            tuple(dict.fromkeys((*roles, *more))),
        )
        if field(fields, "do") == "actor":
            return see_other(place.address())
        machine = await ask(_machine, needs, chosen)
        if machine is None:
            return see_other(place.address())
        _, life = await ask(play_run, machine, kept, place.at)
        made, typed = _act_of(machine, life, fields, place)
        if made is None:
            return await _page(request, needs, revisions, chosen, kept, place, typed)
        longer = replace(kept, acts=(*kept.acts[: place.at], made))
        if len(longer.acts) > ACTS:
            typed = Typed("", {}, {}, f"a run has at most {ACTS} acts; begin another one")
            return await _page(request, needs, revisions, chosen, kept, place, typed)
        try:
            name = await ask(needs.catalog.runs.keep, type, encoded(longer))
        except ValueError as error:
            return await _page(request, needs, revisions, chosen, kept, place, Typed("", {}, {}, str(error)))
        return see_other(place.address(run=name, at=place.at + 1))

    @post("/definitions/{type:str}/simulate/scenario", include_in_schema=False)
    async def save(request: AskedFor, type: FromPath[str]) -> Response[Any]:
        fields = await sent(request)
        revisions, chosen = await _revision(needs, type, field(fields, "revision"))
        kept = await _read(needs, type, field(fields, "run"))
        place = _place(request, chosen, field(fields, "run"), _number(field(fields, "at"), len(kept.acts)))
        machine = await ask(_machine, needs, chosen)
        try:
            if machine is None:
                raise ValueError("this revision has errors, so nothing can be played under it")
            text = await ask(_scenario, machine, replace(kept, acts=kept.acts[: place.at]), fields, await _file(fields))
        except ValueError as error:
            return await _page(request, needs, revisions, chosen, kept, place, Typed("", {}, {}, str(error)))
        headers = {"Content-Disposition": f'attachment; filename="{type}.scenarios.json"', "Cache-Control": "no-store"}
        return Response(text, media_type="application/json", headers=headers)

    return [page, act, save]


# --- what was asked for


async def _revision(needs: Needs, type: str, asked: str) -> tuple[list[Revision], Revision]:
    revisions = await ask(needs.catalog.revisions, type)
    named = [revision for revision in revisions if str(revision.revision) == asked]
    active = [revision for revision in revisions if revision.status == "active"]
    return revisions, [*named, *active, revisions[-1]][0]


def _machine(needs: Needs, revision: Revision) -> Machine | None:
    try:
        return needs.catalog.machine_of(revision.type, revision.revision)
    except CatalogError:
        return None


async def _read(needs: Needs, type: str, run: str) -> Run:
    text = await ask(needs.catalog.runs.read, type, run)
    if text is None:
        raise Nowhere("This run is not kept any more", "Begin another one: only the latest runs are kept.")
    try:
        return decoded(text)
    except msgspec.DecodeError:
        raise Nowhere(
            "This run cannot be read any more", "It was made by another release. Begin another one."
        ) from None


async def _begun(needs: Needs, chosen: Revision, entity: str, version: str, refusal: str) -> Begun:
    """The run that an address without one begins with. Raises Nowhere."""
    machine = await ask(_machine, needs, chosen)
    if machine is None:
        raise Nowhere("It cannot be simulated", f"Revision {chosen.revision} has errors; mend them first.")
    if refusal:
        return await from_refusal(needs, machine, refusal)
    return await from_entity(needs, machine, entity, version)


def _place(request: AskedFor, chosen: Revision, run: str, at: int) -> Place:
    query = request.query_params
    roles = tuple(dict.fromkeys(str(role)[:_ID] for role in query.getall("role", [])))
    return Place(chosen.type, chosen.revision, run, at, query.get("actor", "")[:_ID] or "anonymous", roles)


def _number(text: str, most: int) -> int:
    return min(int(text), most) if text.isdecimal() and len(text) < 10 else most


# --- what is done


def _act_of(machine: Machine, life: Life, fields: list[tuple[str, Any]], place: Place) -> tuple[Act | None, Typed]:
    """The act that a form asks for; None where what was typed cannot be read."""
    actor = Actor(place.actor, place.roles)
    do = field(fields, "do")
    nothing = Typed("", {}, {}, "")
    if do == "timer":
        timer = next_timer(life)
        return (None, nothing) if timer is None else (wait_for(life, timer), nothing)
    if do == "wait":
        text = field(fields, "for").strip()
        try:
            _within_time(life.now, duration_of(text))
        except ValueError as error:
            return None, Typed("wait", {"for": text}, {"for": str(error)}, "")
        return Act(after=text), nothing
    name = None if do == "create" else field(fields, "event")[:_ID]
    events = machine.definition.schemas.events
    schema = machine.definition.schemas.context if name is None else events.get(name)
    typed = typed_of(fields)
    data, faults = read_form(schema, typed)
    form = "create" if name is None else f"event.{name}"
    if faults:
        return None, Typed(form, typed, faults, "")
    when = field(fields, "occurred_at").strip()
    try:
        act = Act(event=name, data=data, actor=actor, occurred_at=when or None)
        play_run(machine, Run(text_of(life.now), (act,)))
    except ValueError as error:
        return None, Typed(form, typed, {}, str(error))
    return act, nothing


def _within_time(now: Micros, pause: Micros) -> None:
    try:
        text_of(now + pause)
    except OverflowError:
        raise ValueError("the clock would run beyond the year 9999") from None


# --- what is saved


async def _file(fields: list[tuple[str, Any]]) -> bytes:
    """The scenario file that was handed over to be added to; empty when none was."""
    for name, value in fields:
        if name == "file" and hasattr(value, "read"):
            return bytes(await value.read())
    return b""


def _scenario(machine: Machine, run: Run, fields: list[tuple[str, Any]], above: bytes) -> bytes:
    name = field(fields, "name").strip()[:_ID] or "a life tried in the simulator"
    file = scenario_of(machine, run, name, field(fields, "description").strip()[:2_000] or None)
    if above.strip():
        reading = read_scenarios(above)
        if reading.file is None:
            first = reading.problems[0]
            raise ValueError(f"the file to add to has a problem at {first.pointer or '/'}: {first.sentence}")
        file = joined(reading.file, file)
    return msgspec.json.format(msgspec.json.encode(file), indent=2) + b"\n"


# --- what is shown


async def _page(
    request: AskedFor,
    needs: Needs,
    revisions: list[Revision],
    chosen: Revision,
    run: Run,
    place: Place,
    typed: Typed | None = None,
) -> Response[str]:
    machine = await ask(_machine, needs, chosen)
    trouble = request.method == "POST" and typed is not None and bool(typed.faults or typed.trouble)
    common: dict[str, Any] = {
        "here": "definitions",
        "kind": shown.kind(needs.catalog, chosen.type),
        "revisions": revisions,
        "revision": chosen,
        "place": place,
        "run": run,
    }
    if machine is None:
        return rendered(request, "simulator/page.html", simulated=None, **common)
    steps, life = await ask(play_run, machine, run, place.at)
    simulated = await shown_run(machine, steps, life, Actor(place.actor, place.roles), typed)
    return rendered(request, "simulator/page.html", status=422 if trouble else 200, simulated=simulated, **common)
