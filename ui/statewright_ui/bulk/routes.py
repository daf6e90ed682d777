"""Sending an event to many entities: the form, the preview, the progress, and what became of each of them."""

from __future__ import annotations

from collections import Counter
from typing import Any, get_args

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery
from msgspec import Struct
from msgspec.structs import replace

from statewright.bulk import BadBulkEvent, asked, event_schema
from statewright.catalog import BulkEvent, NotReady, TooManyEntities, UnknownBulkEvent
from statewright.catalog.bulk import Count, Outcome, Row
from statewright_ui import shown
from statewright_ui.bulk.asking import Asking, actor_of, asking_of, meant_of
from statewright_ui.forms import form_of, read_form, typed_of
from statewright_ui.needs import AskedFor, Needs, ask
from statewright_ui.posting import field, see_other, sent
from statewright_ui.rendering import part_of, rendered
from statewright_ui.shell.errors import Nowhere
from statewright_ui.words import address

PAGE = 100


class Reason(Struct, frozen=True):
    """How many were refused, or could not be decided, for one reason."""

    outcome: Outcome
    why: str
    count: int


class Progress(Struct, frozen=True):
    """A bulk event and what it has come to. `foreseen` counts what the preview said, `became` what sending came to."""

    event: BulkEvent
    kind: shown.Kind
    counts: list[Count]
    foreseen: dict[str, int]
    became: dict[str, int]
    reasons: list[Reason]

    @property
    def tried(self) -> int:
        """How many were tried."""
        return sum(self.foreseen.values())

    @property
    def sent(self) -> int:
        """How many were sent to."""
        return sum(self.became.values())

    @property
    def share(self) -> float:
        """How far it is in what it does at the moment, from 0 to 1."""
        if self.event.status == "sending":
            return self.sent / max(self.foreseen.get("accepted", 0), 1)
        return self.tried / max(self.event.total, 1)


def bulk(needs: Needs) -> list[HTTPRouteHandler]:
    """The handlers of these pages."""

    @get("/bulk", include_in_schema=False)
    async def index(request: AskedFor) -> Response[str]:
        events = await ask(needs.catalog.bulk_events.all)
        return rendered(
            request, "bulk/index.html", here="bulk", events=[await _progress(needs, event) for event in events]
        )

    @get("/bulk/new", include_in_schema=False)
    async def new(request: AskedFor, q: FromQuery[str] = "", event: FromQuery[str] = "") -> Response[str]:
        asking = await ask(asking_of, needs, meant_of(q, ()), [("event", event)])
        return _form(request, asking)

    @post("/bulk/new", include_in_schema=False)
    async def choose(request: AskedFor) -> Response[Any]:
        fields = await sent(request)
        chosen = [str(value) for name, value in fields if name == "entity"]
        if field(fields, "do") == "choose" and not chosen:
            meant = replace(meant_of("", ()), trouble="No row was chosen; tick some in the list first.")
            return _form(request, await ask(asking_of, needs, meant, fields), status=422)
        meant = meant_of(field(fields, "q"), chosen)
        asking = await ask(asking_of, needs, meant, fields)
        if field(fields, "do") != "preview" or not asking.event:
            return _form(request, asking)
        return await _ask(request, needs, asking, fields)

    @get("/bulk/{job:int}", include_in_schema=False)
    async def one(
        request: AskedFor,
        job: FromPath[int],
        outcome: FromQuery[str] = "",
        why: FromQuery[str] = "",
        after: FromQuery[int] = 0,
    ) -> Response[str]:
        progress = await _progress(needs, await _event(needs, job))
        only = outcome if outcome in (*get_args(Outcome), "waiting") else ""
        rows = await ask(_rows, needs, job, only, why, max(after, 0))
        context: dict[str, Any] = {"progress": progress, "outcome": only, "why": why, "after": after, "rows": rows}
        template = "bulk/_progress.html" if part_of(request, "progress") else "bulk/page.html"
        return rendered(request, template, here="bulk", page_rows=PAGE, **context)

    @post("/bulk/{job:int}", include_in_schema=False)
    async def act(request: AskedFor, job: FromPath[int]) -> Response[Any]:
        fields = await sent(request)
        await _event(needs, job)
        events = needs.catalog.bulk_events
        try:
            await ask(events.send if field(fields, "do") == "send" else events.cancel, job)
        except NotReady:
            pass  # the page says how it stands
        needs.bulk()
        return see_other(address("bulk", job))

    return [index, new, choose, one, act]


def _form(request: AskedFor, asking: Asking, status: int = 200) -> Response[str]:
    return rendered(request, "bulk/new.html", status=status, here="bulk", asking=asking)


async def _ask(request: AskedFor, needs: Needs, asking: Asking, fields: list[tuple[str, Any]]) -> Response[Any]:
    """Have it tried, or say what is wrong with what was typed."""
    schema, typed = event_schema(needs.catalog, asking.meant.type, asking.event), typed_of(fields)
    data, faults = read_form(schema, typed)
    unmoved = field(fields, "unmoved") == "true"
    again = replace(asking, form=form_of(schema, typed, faults), unmoved=unmoved)
    if faults:
        return _form(request, again, status=422)
    try:
        event = await ask(
            lambda: asked(
                needs.catalog,
                asking.meant.type,
                asking.event,
                data,
                actor_of(fields),
                query=asking.meant.query,
                entities=asking.meant.entities,
                unmoved=unmoved,
            )
        )
    except (BadBulkEvent, TooManyEntities) as error:
        return _form(request, replace(again, trouble=f"{str(error)[:1].upper()}{str(error)[1:]}."), status=422)
    needs.bulk()
    return see_other(address("bulk", event.id))


async def _event(needs: Needs, job: int) -> BulkEvent:
    try:
        return await ask(needs.catalog.bulk_events.one, job)
    except (UnknownBulkEvent, OverflowError):
        raise Nowhere(
            "No such bulk event", "There is no bulk event of this number; only the latest are kept."
        ) from None


async def _progress(needs: Needs, event: BulkEvent) -> Progress:
    counts = await ask(needs.catalog.bulk_events.counts, event.id)
    foreseen: Counter[str] = Counter()
    became: Counter[str] = Counter()
    reasons: Counter[tuple[Outcome, str]] = Counter()
    for each in counts:
        if each.foreseen:
            foreseen[each.foreseen] += each.count
        if each.became:
            became[each.became] += each.count
        outcome = each.became or each.foreseen
        if outcome and each.why:
            reasons[outcome, each.why] += each.count
    told = [Reason(outcome, why, count) for (outcome, why), count in reasons.most_common()]
    return Progress(event, shown.kind(needs.catalog, event.type), counts, dict(foreseen), dict(became), told)


def _rows(needs: Needs, job: int, outcome: str, why: str, after: int) -> list[Row]:
    find = needs.catalog.bulk_events.rows
    return find(job, outcome=outcome or None, why=why or None, after=after, limit=PAGE + 1)
