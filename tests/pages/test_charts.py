"""What pages show of whole charts: states around others, timers, microsteps, explanations."""

from __future__ import annotations

import json
import re

import pytest

from statewright.commands import Stuck
from statewright.machine.compile import compile_machine
from statewright.machine.reading import read_definition
from statewright.machine.record import Record
from statewright.stores.words import Ref
from statewright_ui.entity.ribbon import Stay, ribbon_of
from statewright_ui.entity.steps import title_of
from tests.pages.conftest import Site

WATCHED = {
    "id": "watched",
    "schemas": {
        "context": {
            "type": "object",
            "properties": {
                "level": {"type": "integer", "default": 1},
                "worth": {"type": "integer"},
                "order_no": {"type": "string", "default": "42"},
            },
        }
    },
    "relations": {"order": {"entity": "order", "key": "order_no"}},
    "initial": "low",
    "states": {
        "low": {
            "sla": {"warn": "PT0S", "breach": "P2D"},
            "on": {
                "RISE": {"target": "checked", "context": {"level": {"@expr": "context.level + 1"}}},
                "LOOK": {"context": {"worth": {"@expr": "has(related.order) ? related.order.total : 0"}}},
                "ALARM": {"target": "high", "guard": {"@expr": "context.level > 5"}},
            },
        },
        "checked": {"always": [{"target": "high", "guard": {"@expr": "context.level > 1"}}, {"target": "low"}]},
        "high": {
            "label": "High water",
            "entry": {"type": "emit", "event": {"type": "flood.warning", "level": {"@expr": "context.level"}}},
            "after": {"PT90S": {"target": "low", "guard": {"@expr": "context.level < 9"}}},
        },
    },
}


@pytest.fixture
async def watched(site: Site) -> Site:
    site.needs.catalog.register(json.dumps(WATCHED).encode(), activate=True)
    await site.send("dike", None, "watched")
    return site


def section(page: str, title: str) -> str:
    """What stands under a heading, up to the next card."""
    return page.partition(f">{title}</h2>")[2].partition("</section>")[0]


async def paid(site: Site) -> None:
    await site.order()
    await site.send("42", "PAY", payment="pay_1", amount=9900)


async def test_every_active_leaf_is_named_with_the_region_it_is_in_and_drawn_with_the_states_around_it(
    site: Site,
) -> None:
    await paid(site)

    page = (await site.page("/entities/order/42")).text

    summary = page.partition('class="row wrap summary"')[2].partition("</div>")[0]
    assert re.findall(r"<bdi>(.*?)</bdi>", summary)[:2] == ["Picking", "To be written"]
    assert re.findall(r'class="within">(.*?)<', summary) == ["Warehouse", "Invoice"]
    current = set(re.findall(r'id="s-(\S+)" class="[^"]*is-current', page))
    assert current == {
        "fulfilment",
        "fulfilment.warehouse",
        "fulfilment.invoice",
        "fulfilment.warehouse.picking",
        "fulfilment.invoice.open",
    }


async def test_what_followed_of_itself_is_told_step_by_step_and_drawn_as_walked(site: Site) -> None:
    await paid(site)
    await site.send("42", "PICK")
    await site.send("42", "INVOICE", invoice_no="INV-1")

    page = (await site.page("/entities/order/42")).text

    parts = page.partition('class="parts"')[2].partition("</ol>")[0]
    assert re.findall(r"<li><b><bdi>(.*?)</bdi>", parts) == ["INVOICE", "Fulfilment is done"]
    assert re.search(r'id="t-fulfilment--statewright.done-0" class="[^"]*is-walked', page)


async def test_a_region_that_stayed_is_told_apart_from_the_one_that_moved(site: Site) -> None:
    await paid(site)
    await site.send("42", "PICK")

    history = (await site.part("/entities/order/42", "history")).text

    newest = history.partition('id="v4"')[2].partition("</p>")[0]
    assert "Packed" in newest.partition("beside")[0]
    assert "To be written" in newest.partition("beside")[2]


async def test_a_running_timer_says_when_it_is_due_and_where_it_leads(site: Site) -> None:
    await site.order()

    deadlines = section((await site.page("/entities/order/42")).text, "Deadlines")

    assert re.search(r'data-age="until">in 13 d 23 h', deadlines)
    assert "Cancelled" in deadlines
    assert "unless it has left <bdi>Awaiting payment</bdi>" in deadlines


async def test_a_limit_on_a_stay_is_shown_with_what_it_means(watched: Site) -> None:
    deadlines = section((await watched.page("/entities/watched/dike")).text, "Deadlines")

    assert re.search(r">long</span>", deadlines)
    assert "must not last" in deadlines
    assert "in 1 d 23 h" in deadlines


async def test_an_event_that_guards_forbid_says_which_part_was_false_and_what_it_read(watched: Site) -> None:
    following = section((await watched.page("/entities/watched/dike")).text, "What may happen next")

    assert "not now" in following
    assert "<code><bdi>context.level &gt; 5</bdi></code> is <code><bdi>false</bdi></code>" in following
    assert "<code><bdi>context.level</bdi></code> = <code><bdi>1</bdi></code>" in following


async def test_events_told_to_others_and_steps_of_always_stand_in_the_history(watched: Site) -> None:
    await watched.send("dike", "RISE", "watched")

    history = (await watched.part("/entities/watched/dike", "history")).text

    assert re.findall(r"<li><b><bdi>(.*?)</bdi>", history) == ["RISE", "of itself (always)"]
    assert "<b><bdi>flood.warning</bdi></b>" in history
    assert "timer started" in history


async def test_what_was_looked_at_of_a_related_entity_stands_in_the_history(watched: Site) -> None:
    await watched.order()
    await watched.send("dike", "LOOK", "watched")

    history = (await watched.part("/entities/watched/dike", "history")).text

    assert re.search(
        r'looked at</span> <bdi>order</bdi> <bdi class="mono">42</bdi> <span class="muted">at version 2<', history
    )


async def test_a_refusal_by_a_guard_is_listed_with_its_explanation(watched: Site) -> None:
    await watched.ask("dike", "ALARM", "watched")
    watched.needs.catalog.refusals.flush()

    latest = section((await watched.page("/refusals")).text, "Latest")

    assert "<code><bdi>context.level &gt; 5</bdi></code>" in latest


async def test_the_list_narrows_to_a_state_around_others(site: Site) -> None:
    await paid(site)
    await site.order("43")
    await site.consolidate()

    page = (await site.page("/entities?type=order&state=fulfilment")).text

    rows = page.partition("<tbody>")[2]
    assert "/entities/order/42" in rows
    assert "/entities/order/43" not in rows
    assert re.search(r'aria-current="true"><span class="dot"></span><bdi>Fulfilment</bdi> <b>1</b>', page)


async def test_a_state_around_others_counts_each_entity_once(site: Site) -> None:
    await paid(site)
    await site.consolidate()

    page = (await site.page("/definitions/order")).text

    row = page.partition('id="row-fulfilment"')[2].partition("</tr>")[0]
    assert "<b>1</b>" in row
    assert 'aria-label="Fulfilment, parallel state, 1 entity"' in page


async def test_a_guard_with_a_name_is_shown_with_what_it_asks(site: Site) -> None:
    page = (await site.page("/definitions/order")).text

    assert "<bdi>context.paid + event.amount &gt;= context.total</bdi>" in section(page, "Transitions")


async def test_what_is_due_next_is_listed_and_leads_to_its_entity(site: Site) -> None:
    await site.order()
    await site.consolidate()

    due = section((await site.page("/system")).text, "Deadlines")

    assert "/entities/order/42" in due
    assert "after <bdi>14 d</bdi>" in due


async def test_a_stuck_timer_is_listed_and_can_be_tried_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    await site.order()
    head = await site.needs.asking.head(Ref("order", "42"))
    assert head is not None
    assert site.needs.timers is not None
    held = Stuck(Ref("order", "42"), head.timers[0], "guard_error", "no such field", 2)
    asked: list[Ref] = []
    monkeypatch.setattr(site.needs.timers, "stuck", lambda type=None: [held])
    monkeypatch.setattr(site.needs.timers, "try_again", asked.append)

    listed = section((await site.page("/system")).text, "Stuck timers")
    answer = await site.client.post("/system/timers/order/42")

    assert "no such field" in listed
    assert 'action="/system/timers/order/42"' in listed
    assert (answer.status_code, answer.headers["location"]) == (303, "/system")
    assert asked == [Ref("order", "42")]


async def test_a_page_of_another_site_cannot_have_a_timer_tried_again(site: Site) -> None:
    answer = await site.client.post("/system/timers/order/42", headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403


def test_lanes_of_a_region_stand_together_in_the_order_of_the_document() -> None:
    came = ["new", "work.a.x", "work.b.x", "work.a.y", "done"]
    stays = [Stay(leaf, at + 1, at, None) for at, leaf in enumerate(came)]

    order = ["new", "work", "work.a", "work.a.x", "work.a.y", "work.b", "work.b.x", "done"]

    assert ribbon_of(stays, 10, False, order=order).lanes == ["new", "work.a.x", "work.a.y", "work.b.x", "done"]


def test_a_timer_of_a_delay_with_dots_in_its_name_is_told_by_its_state() -> None:
    reading = read_definition(json.dumps(WATCHED).encode())
    assert reading.definition is not None
    machine = compile_machine(reading.definition, revision=1, digest="d")

    fired = Record(revision=1, event="after.grace.period.high", kind="timer")

    assert title_of(machine, fired) == "after grace.period"
