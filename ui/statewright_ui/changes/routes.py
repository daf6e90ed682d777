"""The pages on which a change of a definition is looked at, tried on the recorded history, and made."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, FromQuery
from msgspec import Struct

from statewright.catalog import Backtest, CatalogError, InvalidDefinition, Revision
from statewright.machine.backtesting import Finding
from statewright.machine.compile import Machine
from statewright_ui import shown
from statewright_ui.changes.comparing import compared, counts_of, under_way
from statewright_ui.needs import AskedFor, Needs, ask
from statewright_ui.posting import field, see_other, sent
from statewright_ui.rendering import part_of, rendered
from statewright_ui.shell.errors import Nowhere
from statewright_ui.words import address


class Found(Struct, frozen=True):
    """A finding of a backtest with its states in words."""

    finding: Finding
    state: list[shown.State]
    to: list[shown.State]
    went: list[shown.State]


class Trial(Struct, frozen=True):
    """The latest backtest of a revision (None: none was asked for), with its findings in words."""

    backtest: Backtest | None
    found: list[Found]
    earlier: int

    @property
    def seconds(self) -> float:
        """How long it took, or has taken so far is not told: 0."""
        backtest = self.backtest
        if backtest is None or not backtest.started_at or not backtest.finished_at:
            return 0.0
        return (backtest.finished_at - backtest.started_at) / 1_000_000


def changes(needs: Needs) -> list[HTTPRouteHandler]:
    """The handlers of these pages."""

    @get("/definitions/{type:str}/diff", include_in_schema=False)
    async def diff(
        request: AskedFor,
        type: FromPath[str],
        to: FromQuery[str] = "",
        selected: FromQuery[str] = "",
    ) -> Response[str]:
        revisions = await ask(needs.catalog.revisions, type)
        later = _named(revisions, to) or revisions[-1]
        earlier = _named(revisions, request.query_params.get("from", "")) or _before(revisions, later)
        counts = await counts_of(needs, type)
        machine = await ask(shown.machine_of, needs.catalog, type, later.revision)
        return rendered(
            request,
            "changes/diff.html",
            here="definitions",
            kind=shown.kind(needs.catalog, type),
            revisions=revisions,
            earlier=earlier,
            later=later,
            selected=selected,
            compared=await compared(needs, type, earlier, later, counts or [], selected),
            under_way=await ask(under_way, needs, type, later.revision, machine, counts),
        )

    @get("/definitions/{type:str}/activate", include_in_schema=False)
    async def activation(request: AskedFor, type: FromPath[str], revision: FromQuery[str] = "") -> Response[str]:
        return await _activation(request, needs, type, revision)

    @post("/definitions/{type:str}/activate", include_in_schema=False)
    async def activate(request: AskedFor, type: FromPath[str]) -> Response[Any]:
        fields = await sent(request)
        revisions = await ask(needs.catalog.revisions, type)
        chosen = _asked(revisions, field(fields, "revision"))
        at = address("definitions", type, "activate", revision=chosen.revision)
        match field(fields, "do"):
            case "backtest":
                await ask(needs.catalog.machine_of, type, chosen.revision)
                await ask(needs.catalog.backtests.ask, type, chosen.revision, chosen.digest)
                needs.backtest()
                return see_other(f"{at}#backtest")
            case "cancel":
                for backtest in await ask(needs.catalog.backtests.of, type, chosen.revision):
                    if backtest.open:
                        await ask(needs.catalog.backtests.cancel, type, chosen.revision, backtest.id)
                needs.backtest()
                return see_other(f"{at}#backtest")
            case "activate":
                try:
                    await ask(needs.catalog.activate, type, chosen.revision)
                except InvalidDefinition as error:
                    return await _activation(request, needs, type, str(chosen.revision), str(error))
                return see_other(address("definitions", type, "activate", revision=chosen.revision, done="yes"))
        return see_other(at)

    return [diff, activation, activate]


async def _activation(request: AskedFor, needs: Needs, type: str, revision: str, refused: str = "") -> Response[str]:
    revisions = await ask(needs.catalog.revisions, type)
    chosen = _named(revisions, revision) or revisions[-1]
    machine = await ask(_usable, needs, type, chosen)
    trial = await ask(_trial, needs, type, chosen, machine)
    common: dict[str, Any] = {
        "kind": shown.kind(needs.catalog, type),
        "revision": chosen,
        "usable": machine is not None,
        "trial": trial,
    }
    if part_of(request, "backtest"):
        return rendered(request, "changes/_backtest.html", **common)
    earlier = _before(revisions, chosen)
    counts = await counts_of(needs, type)
    return rendered(
        request,
        "changes/activate.html",
        status=422 if refused else 200,
        here="definitions",
        revisions=revisions,
        earlier=earlier,
        refused=refused,
        done=request.query_params.get("done") == "yes" and chosen.status == "active",
        compared=await compared(needs, type, earlier, chosen, counts or [], ""),
        under_way=await ask(under_way, needs, type, chosen.revision, machine, counts),
        **common,
    )


def _usable(needs: Needs, type: str, revision: Revision) -> Machine | None:
    try:
        return needs.catalog.machine_of(type, revision.revision)
    except CatalogError:
        return None


def _trial(needs: Needs, type: str, revision: Revision, machine: Machine | None) -> Trial:
    known = needs.catalog.backtests.of(type, revision.revision)
    if not known:
        return Trial(None, [], 0)
    found = [
        Found(
            finding,
            shown.states(machine, finding.state),
            shown.states(shown.machine_of(needs.catalog, type, None), finding.to),
            shown.states(machine, finding.went),
        )
        for finding in known[0].tally.findings
    ]
    return Trial(known[0], found, len(known) - 1)


def _named(revisions: list[Revision], asked: str) -> Revision | None:
    return next((revision for revision in revisions if str(revision.revision) == asked), None)


def _asked(revisions: list[Revision], asked: str) -> Revision:
    found = _named(revisions, asked)
    if found is None:
        raise Nowhere(
            "No such revision", f"There is no revision {asked[:20] or 'without a number'} of this definition."
        )
    return found


def _before(revisions: list[Revision], later: Revision) -> Revision:
    """What a revision is to be compared with: the active one, else the one before it, else itself."""
    active = [one for one in revisions if one.status == "active" and one.revision != later.revision]
    below = [one for one in revisions if one.revision < later.revision]
    retired = [one for one in below if one.status == "retired"]
    return [*active, *retired[-1:], *below[-1:], later][0]
