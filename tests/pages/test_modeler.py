"""The modeler's pages as forms: every edit by a plain post, and nobody's work overwritten unseen."""

from __future__ import annotations

import html
import json
import re
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from statewright_ui.modeler.actions import ActionRow, Unreadable, action_of, action_rows
from tests.pages.conftest import Site

EDIT = "/definitions/order/edit"
HOSTILE = "<script>alert(1)</script>"


def _number(site: Site) -> int:
    return site.needs.catalog.drafts.of("order").number


def _document(site: Site) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(site.needs.catalog.drafts.of("order").text)
    return found


async def _post(site: Site, op: str, number: int | None = None, **fields: str) -> httpx.Response:
    """What a form sends without scripts; `number` is that of the draft as it is now, unless told."""
    sent = {"op": op, "number": str(_number(site) if number is None else number), "editor": "e1"}
    return await site.client.post(
        EDIT, data={**sent, **{name.replace("__", "."): each for name, each in fields.items()}}
    )


def _fields(page: str, form: str) -> dict[str, str]:
    """Everything that a form of the page would send as it stands, by name; of several of one name the last."""
    part = page.partition(f'id="{form}"')[2].partition("</form>")[0]
    found = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', part))
    found |= dict(re.findall(r'<input class="[^"]*"(?: id="[^"]*")? name="([^"]+)" value="([^"]*)"', part))
    found |= dict(re.findall(r'<input type="checkbox" name="([^"]+)" value="([^"]*)" checked>', part))
    found |= dict(re.findall(r'<textarea[^>]*name="([^"]+)"[^>]*>([^<]*)</textarea>', part))
    for name, options in re.findall(r'<select[^>]*name="([^"]+)"[^>]*>(.*?)</select>', part, re.DOTALL):
        values = re.findall(r'<option value="([^"]*)"( selected)?', options)
        found[name] = next((value for value, chosen in values if chosen), values[0][0])
    return {html.unescape(name): html.unescape(value) for name, value in found.items()}


async def test_the_page_shows_outline_diagram_inspector_and_problems_of_a_draft(site: Site) -> None:
    page = (await site.page(EDIT)).text

    assert all(f'id="{part}"' in page for part in ("outline", "canvas", "panel", "problems", "told"))
    assert 'id="s-basket"' in page
    assert page.count('id="events-known"') <= 1


async def test_an_edit_is_a_post_and_survives_a_reload(site: Site) -> None:
    answer = await _post(site, "add-state", name="On hold")

    assert answer.status_code == 303
    assert "On hold" in (await site.page(EDIT)).text
    assert "on_hold" in _document(site)["states"]


async def test_undo_and_redo_are_kept_on_the_server(site: Site) -> None:
    await _post(site, "add-state", name="On hold")

    await _post(site, "undo")
    undone = _document(site)["states"]
    await _post(site, "redo")

    assert "on_hold" not in undone
    assert "on_hold" in _document(site)["states"]


async def test_two_edits_of_different_places_are_put_together(site: Site) -> None:
    number = _number(site)
    await _post(site, "add-state", number, name="On hold")

    answer = await _post(
        site, "set-state", number, path="basket", label="Cart", was__label="Basket", name="basket", was__name="basket"
    )

    assert answer.status_code == 303
    assert _document(site)["states"]["basket"]["label"] == "Cart"
    assert "on_hold" in _document(site)["states"]


async def test_two_edits_of_one_place_are_a_conflict_that_shows_both(site: Site) -> None:
    number = _number(site)
    names = {"name": "basket", "was__name": "basket", "was__label": "Basket"}
    await _post(site, "set-state", number, path="basket", label="Cart", **names)

    answer = await _post(site, "set-state", number, path="basket", label="Trolley", **names)

    assert answer.status_code == 412
    assert "Cart" in answer.text.partition("Theirs")[2]
    assert "Trolley" in answer.text.partition("Yours")[2]
    assert _document(site)["states"]["basket"]["label"] == "Cart"


@pytest.mark.parametrize(("op", "word"), [("save", "not saved"), ("discard", "not discarded")])
async def test_a_draft_that_somebody_changed_meanwhile_is_neither_saved_nor_discarded(
    site: Site, op: str, word: str
) -> None:
    number = _number(site)
    await _post(site, "add-state", name="On hold")

    answer = await _post(site, op, number)

    assert answer.status_code == 412
    assert word in answer.text
    assert "On hold" in answer.text.partition('class="told-box bad"')[2].partition("</div>")[0]
    assert "on_hold" in _document(site)["states"]
    assert len(site.needs.catalog.revisions("order")) == 1


async def test_a_draft_is_saved_and_discarded_by_who_has_seen_it(site: Site) -> None:
    await _post(site, "add-state", name="On hold")

    saved = await _post(site, "save")
    discarded = await _post(site, "discard")

    assert (saved.status_code, discarded.status_code) == (303, 303)
    assert len(site.needs.catalog.revisions("order")) == 2


@pytest.mark.parametrize("op", ["save", "discard", "undo", "add-state"])
@pytest.mark.parametrize("number", ["", "x", "-1", "9" * 40])
async def test_a_form_without_a_number_changes_nothing(site: Site, op: str, number: str) -> None:
    await _post(site, "add-state", name="Begun")
    before = _number(site)

    answer = await site.client.post(EDIT, data={"op": op, "number": number, "name": "On hold"})

    assert answer.status_code == 412
    assert _number(site) == before


async def test_entry_actions_are_edited_by_form_and_come_back_as_they_were_written(site: Site) -> None:
    page = (await site.page(f"{EDIT}?sel=basket")).text
    fields = _fields(page, "state-form")
    fields |= {"entry.kind.1": "emit", "entry.name.1": "BEGUN", "entry.lines.1": "total = context.total\nwhy is new"}

    answer = await site.client.post(EDIT, data=fields)
    again = _fields((await site.page(f"{EDIT}?sel=basket")).text, "state-form")

    assert answer.status_code == 303
    assert _document(site)["states"]["basket"]["entry"] == [
        {"type": "emit", "event": {"type": "BEGUN", "total": {"@expr": "context.total"}, "why": "new"}}
    ]
    assert again["entry.lines.1"] == "total = context.total\nwhy is new"


async def test_an_emptied_action_goes_and_the_others_stay(site: Site) -> None:
    fields = _fields((await site.page(f"{EDIT}?sel=basket")).text, "state-form")
    await site.client.post(EDIT, data=fields | {"exit.kind.1": "named", "exit.name.1": "notify"})
    fields = _fields((await site.page(f"{EDIT}?sel=basket")).text, "state-form")
    await site.client.post(EDIT, data=fields | {"exit.kind.2": "log", "exit.lines.2": "context.total"})
    fields = _fields((await site.page(f"{EDIT}?sel=basket")).text, "state-form")

    await site.client.post(EDIT, data=fields | {"exit.name.1": ""})

    assert _document(site)["states"]["basket"]["exit"] == [{"type": "log", "args": [{"@expr": "context.total"}]}]


async def test_a_value_that_cannot_be_read_is_refused_in_a_sentence(site: Site) -> None:
    fields = _fields((await site.page(f"{EDIT}?sel=basket")).text, "state-form")

    answer = await site.client.post(EDIT, data=fields | {"entry.kind.1": "assign", "entry.lines.1": f"paid {HOSTILE}"})

    assert answer.status_code == 422
    assert "says no value" in answer.text
    assert HOSTILE not in answer.text


async def test_a_transition_leads_to_several_regions_by_form(site: Site) -> None:
    key = "awaiting_payment--PAY-0"
    page = (await site.page(f"{EDIT}?sel={key}")).text
    fields = _fields(page, "way-form")
    wanted = {"to": "fulfilment.warehouse.picking", "also.1": "fulfilment.invoice.open"}

    answer = await site.client.post(EDIT, data=fields | wanted)
    branch = _document(site)["states"]["awaiting_payment"]["on"]["PAY"][0]
    again = _fields((await site.page(f"{EDIT}?sel={key}")).text, "way-form")
    problems = site.needs.catalog.check(site.needs.catalog.drafts.of("order").text.encode())

    assert answer.status_code == 303
    assert len(branch["target"]) == 2
    assert (again["to"], again["also.1"]) == (wanted["to"], wanted["also.1"])
    assert [problem for problem in problems if problem.severity != "warning"] == []


async def test_one_of_several_targets_is_taken_away_again(site: Site) -> None:
    key = "awaiting_payment--PAY-0"
    fields = _fields((await site.page(f"{EDIT}?sel={key}")).text, "way-form")
    wanted = {"to": "fulfilment.warehouse.picking", "also.1": "fulfilment.invoice.open"}
    await site.client.post(EDIT, data=fields | wanted)

    fields = _fields((await site.page(f"{EDIT}?sel={key}")).text, "way-form")
    await site.client.post(EDIT, data=fields | {"also.1": "", "to": "fulfilment"})

    assert _document(site)["states"]["awaiting_payment"]["on"]["PAY"][0]["target"] == "fulfilment"


async def test_a_form_sent_as_it_was_changes_nothing(site: Site) -> None:
    for selected, form in (("basket", "state-form"), ("awaiting_payment--PAY-0", "way-form")):
        before = site.needs.catalog.drafts.of("order").text
        fields = _fields((await site.page(f"{EDIT}?sel={selected}")).text, form)

        await site.client.post(EDIT, data=fields)

        assert site.needs.catalog.drafts.of("order").text == before


async def test_another_sites_page_cannot_edit(site: Site) -> None:
    answer = await site.client.post(EDIT, data={"op": "discard"}, headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403


async def test_hostile_labels_are_shown_and_never_obeyed(site: Site) -> None:
    await _post(site, "add-state", name="x")
    await _post(
        site, "set-state", path="x", label=HOSTILE + "\u202e" + "W" * 180, was__label="", name="x", was__name="x"
    )

    for query in ("", "?sel=x", "?tab=json", "?tab=data"):
        page = await site.page(EDIT + query)
        assert page.status_code == 200
        assert HOSTILE not in page.text


async def test_a_type_nobody_registered_has_no_draft(site: Site) -> None:
    assert (await site.page("/definitions/nothing/edit")).status_code == 404


_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
_fields_of = st.dictionaries(
    st.text(max_size=6),
    _values | st.text(max_size=8).map(lambda text: {"@expr": text}) | st.just({"@unset": True}),
    max_size=3,
)
_actions = st.one_of(
    st.text(max_size=8),
    _fields_of.map(lambda fields: {"type": "assign", "context": fields}),
    _fields_of.map(lambda fields: {"type": "emit", "event": {"type": "X", **fields}}),
    _fields_of.map(lambda fields: {"type": "notify", "params": fields}),
    st.lists(_values, max_size=3).map(lambda args: {"type": "log", "args": args}),
    _fields_of,
)


@given(st.lists(_actions, max_size=3))
def test_every_action_comes_back_from_its_row_as_it_was(actions: list[Any]) -> None:
    assert [action_of(row) for row in action_rows(actions)] == actions


@pytest.mark.parametrize("lines", ["x", "= 1", "x maybe 1"])
def test_a_line_that_is_none_is_told(lines: str) -> None:
    with pytest.raises(Unreadable):
        action_of(ActionRow("assign", lines=lines))
