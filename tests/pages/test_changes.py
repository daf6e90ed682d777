"""The pages on which a change is looked at, tried and made; and the simulator, by forms alone."""

from __future__ import annotations

import json
import re
from pathlib import Path

import httpx
import pytest

from statewright.backtests import run
from statewright.machine.playing import play
from statewright.machine.scenarios import read_scenarios
from statewright_ui.forms import form_of, read_form
from tests.pages.conftest import HOUSE, Site

ORDER = json.loads((HOUSE / "definitions" / "order.json").read_text())


@pytest.fixture
async def changed(site: Site) -> Site:
    """A draft of `order` without packing, in which only large payments count."""
    later = json.loads(json.dumps(ORDER))
    del later["states"]["packed"]
    later["states"]["paid"]["on"] = {"SHIP": "shipped"}
    later["states"]["awaiting_payment"]["on"]["PAY"] = {
        "target": "paid",
        "guard": {"@expr": "event.amount > 50000"},
        "allow": ["payments"],
    }
    assert site.needs.catalog.register(json.dumps(later).encode()).revision == 2
    await site.order("40")
    await site.send("40", "PAY", payment="p", amount=9900)
    await site.send("40", "PICK")
    await site.consolidate()
    return site


async def post(site: Site, path: str, /, **fields: object) -> httpx.Response:
    return await site.client.post(path, data=fields)


async def test_two_revisions_are_shown_as_one_picture_with_what_differs_and_who_is_stranded(changed: Site) -> None:
    answer = await changed.page("/definitions/order/diff")

    assert answer.status_code == 200
    assert "the state packed is gone" in answer.text
    assert "sm-glyph" in answer.text
    assert "stranded" in answer.text
    assert re.search(r"1 entity rests</b>", answer.text)


async def test_what_is_chosen_in_the_picture_narrows_the_differences(changed: Site) -> None:
    answer = await changed.page("/definitions/order/diff?from=1&to=2&selected=packed")

    assert "the state packed is gone" in answer.text
    assert "PAY in awaiting_payment" not in answer.text.partition('id="differences"')[2].partition("way-title")[0]


async def test_a_definition_with_one_revision_differs_in_nothing(site: Site) -> None:
    answer = await site.page("/definitions/order/diff")

    assert "They say the same" in answer.text


async def test_activation_offers_a_backtest_and_shows_it_running_and_done(changed: Site) -> None:
    before = await changed.page("/definitions/order/activate?revision=2")
    asked = await post(changed, "/definitions/order/activate", revision="2", do="backtest")
    waiting = await changed.part("/definitions/order/activate?revision=2", "backtest")
    await run(changed.needs.store, changed.needs.catalog, 1)
    done = await changed.part("/definitions/order/activate?revision=2", "backtest")

    assert "Run the backtest" in before.text
    assert asked.headers["location"] == "/definitions/order/activate?revision=2#backtest"
    assert "waiting for its turn" in waiting.text
    assert 'hx-trigger="every 1s"' in waiting.text
    assert "guard_refused" in done.text
    assert "/entities/order/40#v3" in done.text
    assert "entity=40&amp;version=3" in done.text
    assert "hx-trigger" not in done.text


async def test_a_backtest_is_cancelled_from_its_page(changed: Site) -> None:
    await post(changed, "/definitions/order/activate", revision="2", do="backtest")
    await post(changed, "/definitions/order/activate", revision="2", do="cancel")

    assert "Cancelled" in (await changed.page("/definitions/order/activate?revision=2")).text


async def test_a_revision_is_activated_and_the_page_says_what_that_means(changed: Site) -> None:
    answer = await post(changed, "/definitions/order/activate", revision="2", do="activate")
    page = await changed.page(answer.headers["location"])

    assert answer.status_code == 303
    assert changed.needs.catalog.revision("order", 2).status == "active"
    assert "Those under way stay on the revision they began under" in page.text


async def test_a_draft_with_errors_offers_neither_backtest_nor_activation(site: Site) -> None:
    site.needs.catalog.register(json.dumps({**ORDER, "initial": "nowhere"}).encode())

    page = await site.page("/definitions/order/activate?revision=2")
    forced = await post(site, "/definitions/order/activate", revision="2", do="activate")

    assert "Mend the errors first" in page.text
    assert 'value="backtest"' not in page.text
    assert forced.status_code == 422
    assert "It was not activated" in forced.text


async def test_a_page_of_another_site_may_not_send_a_form(changed: Site) -> None:
    path, data = "/definitions/order/activate", {"revision": "2", "do": "activate"}
    by_site = await changed.client.post(path, data=data, headers={"Sec-Fetch-Site": "cross-site"})
    by_origin = await changed.client.post(path, data=data, headers={"Origin": "https://elsewhere.example"})

    assert (by_site.status_code, by_origin.status_code) == (403, 403)
    assert changed.needs.catalog.revision("order", 2).status == "draft"


# --- the simulator


async def begin(site: Site, **query: object) -> str:
    """The address of a new run."""
    answer = await site.client.get("/definitions/order/simulate", params={key: str(v) for key, v in query.items()})
    assert answer.status_code == 303
    return answer.headers["location"]


def hidden(page: str) -> dict[str, str]:
    return dict(re.findall(r'<input type="hidden" name="(revision|run|at)" value="([^"]*)">', page))


async def act(site: Site, address: str, **fields: object) -> httpx.Response:
    """Send a form of the page at `address`."""
    page = (await site.page(address)).text
    who = {"actor": "anna", "role": ["customer", "payments", "warehouse"]}
    return await post(site, "/definitions/order/simulate", **hidden(page), **who, **fields)


async def submitted(site: Site) -> str:
    """A run with an order that awaits its payment."""
    created = await act(site, await begin(site), do="create", **{"f.customer": "C-1", "f.total": "9900"})
    sent = await act(
        site, created.headers["location"], do="send", event="SUBMIT", **{"f.address": "Lindenallee 4, Bremen"}
    )
    return sent.headers["location"]


async def test_a_form_is_made_of_the_schema_of_each_event_that_may_be_sent(site: Site) -> None:
    page = (await site.page(await submitted(site))).text

    assert 'name="f.amount" type="number"' in page
    assert 'value="PAY"' in page
    assert "Awaiting payment" in page


async def test_every_step_has_an_address_and_one_may_go_back_and_forth(site: Site) -> None:
    address = await submitted(site)
    back = re.search(r'rel="prev" href="([^"]*)"', (await site.page(address)).text)
    assert back is not None
    earlier = (await site.page(back.group(1).replace("&amp;", "&"))).text

    assert "step 1 of 2" in earlier
    assert 'rel="next"' in earlier
    assert "Basket" in earlier


async def test_a_refusal_is_a_step_that_explains_itself_and_changes_nothing(changed: Site) -> None:
    address = (await submitted(changed)).replace("revision=1", "revision=2")
    answer = await act(changed, address, do="send", event="PAY", **{"f.amount": "9900", "f.payment": "p"})
    page = (await changed.page(answer.headers["location"])).text

    assert "guard_refused" in page
    assert "event.amount &gt; 50000" in page
    assert "9900" in page
    assert "step 3 of 3" in page


async def test_what_was_typed_is_kept_where_it_cannot_be_read(site: Site) -> None:
    answer = await act(site, await submitted(site), do="send", event="PAY", **{"f.amount": "a lot", "f.payment": "p"})

    assert answer.status_code == 422
    assert "write a whole number" in answer.text
    assert 'value="a lot"' in answer.text


async def test_an_entity_is_sent_its_history_again_under_another_revision(changed: Site) -> None:
    address = await begin(changed, revision=2, entity="40", version=3)
    page = (await changed.page(address)).text

    assert "after the history of" in page
    assert "guard_refused" in page


async def test_the_clock_runs_to_the_next_timer(site: Site) -> None:
    site.needs.catalog.register(
        json.dumps(
            {"id": "bill", "initial": "open", "states": {"open": {"after": {"P14D": "late"}}, "late": {}}}
        ).encode(),
        activate=True,
    )
    start = await site.client.get("/definitions/bill/simulate")
    fields = hidden((await site.page(start.headers["location"])).text)
    made = await post(site, "/definitions/bill/simulate", **fields, do="create")
    fields = hidden((await site.page(made.headers["location"])).text)
    fired = await post(site, "/definitions/bill/simulate", **fields, do="timer")
    page = (await site.page(fired.headers["location"])).text

    assert "the clock ran on by <bdi>P14D</bdi>" in page
    assert "after P14D" in page
    assert "Late" in page


async def test_a_life_is_saved_as_a_scenario_that_holds(site: Site, tmp_path: Path) -> None:
    address = await submitted(site)
    fields = hidden((await site.page(address)).text)
    saved = await site.client.post(
        "/definitions/order/simulate/scenario", data={**fields, "name": "an order is submitted"}
    )
    again = await site.client.post(
        "/definitions/order/simulate/scenario",
        data={**fields, "name": "an order is submitted"},
        files={"file": ("order.scenarios.json", saved.content, "application/json")},
    )

    assert saved.headers["content-disposition"] == 'attachment; filename="order.scenarios.json"'
    file = read_scenarios(again.content).file
    assert file is not None
    assert [each.name for each in file.scenarios] == ["an order is submitted", "an order is submitted (2)"]
    machine = site.needs.catalog.machine_of("order", 1)
    assert all(play(file, index, machine).holds for index in range(2))


async def test_a_scenario_is_not_added_to_a_file_that_is_none(site: Site) -> None:
    fields = hidden((await site.page(await submitted(site))).text)

    answer = await site.client.post(
        "/definitions/order/simulate/scenario",
        data={**fields, "name": "x"},
        files={"file": ("x.json", b'{"definition": 5}', "application/json")},
    )

    assert answer.status_code == 422
    assert "the file to add to has a problem" in answer.text


async def test_a_run_that_is_not_kept_is_nowhere(site: Site) -> None:
    assert (await site.page("/definitions/order/simulate?run=none")).status_code == 404


# --- forms


def test_each_kind_of_field_has_its_input_and_is_read_back_as_json() -> None:
    schema = {
        "type": "object",
        "required": ["agree"],
        "properties": {
            "name": {"type": "string"},
            "count": {"type": "integer"},
            "rate": {"type": "number"},
            "agree": {"type": "boolean"},
            "maybe": {"type": ["boolean", "null"]},
            "tone": {"enum": ["warm", 5]},
            "day": {"type": "string", "format": "date"},
            "list": {"type": "array"},
            "own": {"$ref": "#/$defs/own"},
        },
        "$defs": {"own": {"type": "string", "title": "Its own"}},
        "additionalProperties": False,
    }

    kinds = {field.name: field.kind for field in form_of(schema).fields}
    typed = {"name": "Ann", "count": "3", "rate": "1.5", "agree": "true", "tone": "5", "list": "[1]", "own": "x"}

    assert list(kinds.values()) == ["text", "number", "number", "checkbox", "select", "select", "date", "json", "text"]
    assert read_form(schema, typed) == (
        {"name": "Ann", "count": 3, "rate": 1.5, "agree": True, "tone": 5, "list": [1], "own": "x"},
        {},
    )


HOSTILE = [
    "{",
    "[1]",
    "NaN",
    '{"a": 1e999}',
    '{"a": 12345678901234567890}',
    '{"a": "\\ud800"}',
    '{"a":' * 80 + "1" + "}" * 80,
]


@pytest.mark.parametrize("typed", HOSTILE)
def test_what_no_event_could_carry_is_said_beside_its_field(typed: str) -> None:
    found, faults = read_form(None, {"more": typed})

    assert (found, list(faults)) == ({}, ["more"])
