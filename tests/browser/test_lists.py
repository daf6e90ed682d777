"""An operator at the list, with real clicks and keys: asking, choosing rows, saving, and sending an event to many."""

from __future__ import annotations

import os
import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accessibility import violations
from tests.browser.running import Platform

WAIT_MS = 60_000


@pytest.fixture
def valves(platform: Platform) -> str:
    """A type of this test's own with three open valves, and one that is shut."""
    type = f"valve_{os.urandom(3).hex()}"
    document = {
        "id": type,
        "label": "Valve",
        "creation": "implicit",
        "keep": "*",
        "schemas": {
            "context": {"type": "object", "properties": {"site": {"type": "string"}, "turns": {"type": "integer"}}},
            "events": {"SHUT": {"type": "object", "properties": {"reason": {"type": "string"}}}},
        },
        "initial": "open",
        "states": {"open": {"on": {"SHUT": "shut"}}, "shut": {"on": {"OPEN": "open"}}},
    }
    assert platform.http.post("/api/v1/definitions?activate=true", json=document).status_code == 201
    for number in range(4):
        answer = platform.send(type, f"{type}-{number}", None, site="north" if number < 3 else "south", turns=number)
    answer = platform.send(type, f"{type}-3", "SHUT")
    asked = {"q": f"type:{type}", "min_place": str(answer["position"]), "wait": "30"}
    assert platform.http.get("/api/v1/views/entities", params=asked, timeout=60).status_code == 200
    return type


def rows(page: Page) -> list[str]:
    return page.locator("#list tbody a.whole").all_inner_texts()


def test_a_query_is_written_with_what_the_list_offers(page: Page, valves: str) -> None:
    page.goto("/entities")
    page.keyboard.press("f")
    query = page.get_by_role("combobox", name="Query")
    expect(query).to_be_focused()

    page.keyboard.type(f"type:{valves[:10]}")
    expect(page.get_by_role("option", name=valves)).to_be_visible()
    page.keyboard.press("Tab")
    expect(query).to_have_value(f"type:{valves} ")
    page.keyboard.type("sit")
    expect(page.get_by_role("option", name="data.site:")).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.keyboard.type("sou")
    page.get_by_role("option", name="south").click()
    expect(query).to_have_value(f"type:{valves} data.site:south ")
    page.keyboard.press("Enter")

    expect(page.locator("#list tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile("data.site%3Asouth"))
    page.get_by_role("link", name="Remove data.site:south").click()
    expect(page.locator("#list tbody tr")).to_have_count(4)


def test_what_is_wrong_with_a_query_is_shown_when_it_is_asked_and_not_while_it_is_typed(
    page: Page, complaints: list[str]
) -> None:
    page.goto("/entities")
    before = rows(page)

    page.get_by_role("combobox", name="Query").fill("stat:open")
    page.wait_for_timeout(600)
    assert rows(page) == before
    page.get_by_role("button", name="Show", exact=True).click()

    expect(page.get_by_role("alert")).to_contain_text("did you mean state?")
    expect(page.locator("mark")).to_have_text("stat")
    assert violations(page) == []
    complaints.clear()  # the browser itself reports the 400


def test_filters_columns_and_orders_are_chosen_by_forms(page: Page, valves: str) -> None:
    page.goto(f"/entities?q=type:{valves}")
    page.get_by_text("Add a filter").click()
    page.get_by_label("Field").select_option("data.turns")
    page.get_by_role("combobox", name="Is").select_option("is more than")
    page.get_by_label("Value").fill("0")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator("#list tbody tr")).to_have_count(3)

    page.get_by_text("Columns", exact=True).click()
    page.get_by_role("checkbox", name="turns").check()
    page.get_by_role("button", name="Show these").click()
    expect(page.get_by_role("columnheader", name="turns")).to_be_visible()
    page.get_by_role("combobox", name="Order").select_option("Longest in their state")
    expect(page).to_have_url(re.compile("order=longest"))

    assert rows(page) == [f"{valves}-1", f"{valves}-2", f"{valves}-3"]
    expect(page.get_by_role("columnheader", name="turns")).to_be_visible()
    expect(page.locator("#facets")).to_contain_text("3 entities fit")  # counted a moment later


def test_a_list_is_saved_and_found_again(page: Page, valves: str) -> None:
    page.goto(f"/entities?q=type:{valves}+state:shut")
    page.get_by_text("Save this list").click()
    page.get_by_label("Name").fill(f"Shut {valves}")
    page.get_by_role("button", name="Save", exact=True).click()
    tab = page.get_by_role("navigation", name="Saved views").get_by_role("link", name=f"Shut {valves}")
    expect(tab).to_have_attribute("aria-current", "page")

    page.goto("/entities")
    tab.click()
    expect(page.locator("#list tbody tr")).to_have_count(1)
    page.goto("/saved-views")
    assert violations(page) == []
    page.get_by_role("form", name=f"Delete Shut {valves}").get_by_role("button").click()
    expect(page.get_by_text(f"Shut {valves}")).to_have_count(0)


def test_rows_are_chosen_by_keys_and_sent_an_event_after_a_preview(page: Page, platform: Platform, valves: str) -> None:
    page.goto(f"/entities?q=type:{valves}&order=id")
    for _ in range(2):
        page.keyboard.press("j")
        page.keyboard.press("x")
    choose = page.get_by_role("button", name="Send an event to those chosen (2)")
    expect(choose).to_be_visible()
    assert violations(page) == []
    choose.press("Enter")
    page.get_by_role("combobox", name="Event").select_option("SHUT")
    page.get_by_label("reason").fill("maintenance")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("Nothing is sent yet.")).to_be_visible(timeout=WAIT_MS)
    assert violations(page) == []
    page.get_by_role("button", name="Send SHUT to 2 entities").click()
    expect(page.get_by_text("2 of 2 entities accepted it")).to_be_visible(timeout=WAIT_MS)

    page.get_by_role("link", name=f"{valves}-0").click()
    expect(page.locator("#history .step").first).to_contain_text("SHUT")
    expect(page.locator("#history")).to_contain_text("maintenance")


def test_all_that_fit_are_tried_and_those_who_would_refuse_are_left_alone(
    page: Page, platform: Platform, valves: str
) -> None:
    page.goto(f"/entities?q=type:{valves}")
    page.get_by_role("link", name="Send an event to all that fit").click()
    page.get_by_role("combobox", name="Event").select_option("SHUT")
    page.get_by_role("button", name="Preview").click()
    expect(page.get_by_text("3 entities of 4 would accept it")).to_be_visible(timeout=WAIT_MS)
    page.get_by_role("link", name="refused: not_in_this_state 1").click()
    expect(page.locator("#progress tbody tr")).to_have_count(1)
    page.get_by_role("button", name="Send SHUT to 3 entities").click()
    expect(page.get_by_text("3 of 4 entities accepted it")).to_be_visible(timeout=WAIT_MS)

    assert violations(page) == []
    heads = [platform.http.get(f"/api/v1/entities/{valves}/{valves}-{number}").json() for number in range(4)]
    assert [(head["state"], head["version"]) for head in heads] == [("shut", 2)] * 4
