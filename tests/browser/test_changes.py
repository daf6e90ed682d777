"""A definition tried, changed and activated with clicks and keys, under the policy of every page."""

from __future__ import annotations

import json
import os
import re
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accessibility import violations
from tests.browser.running import Platform
from tests.browser.test_every_page import DARK, LIGHT, PHONE

LOAN: dict[str, Any] = {
    "label": "Loan",
    "creation": "implicit",
    "initial": "asked",
    "roles": {"clerk": {"label": "Clerk"}},
    "schemas": {
        "context": {"type": "object", "properties": {"sum": {"type": "integer"}, "tone": {"type": "string"}}},
        "events": {
            "CHECK": {
                "type": "object",
                "required": ["sum"],
                "properties": {"sum": {"type": "integer", "minimum": 1}, "tone": {"enum": ["kind", "<b>stern</b>"]}},
            },
            "GRANT": {"additionalProperties": False},
        },
    },
    "states": {
        "asked": {"on": {"CHECK": {"target": "checked", "keep": ["sum", "tone"]}}, "after": {"P3D": "dropped"}},
        "checked": {"on": {"GRANT": {"target": "granted", "allow": ["clerk"]}}},
        "granted": {"type": "final", "tags": ["success"]},
        "dropped": {"type": "final", "tags": ["danger"]},
    },
}


@pytest.fixture
def loan(platform: Platform) -> str:
    """A type of this test's own, with entities under its first revision and a second one drafted."""
    type = f"loan_{os.urandom(3).hex()}"
    first = {"id": type, **LOAN}
    later = json.loads(json.dumps(first))
    later["states"]["checked"]["on"]["GRANT"]["guard"] = {"@expr": "context.sum < 100"}
    later["states"]["refused"] = {"type": "final", "tags": ["danger"]}
    later["states"]["checked"]["on"]["REFUSE"] = "refused"
    assert platform.http.post("/api/v1/definitions?activate=true", json=first).status_code == 201
    assert platform.http.post("/api/v1/definitions", json=later).status_code == 201
    actor = {"id": "anna", "roles": ["clerk"]}
    for number, amount in enumerate((5, 500)):
        for event, data in (("CHECK", {"sum": amount}), ("GRANT", {})):
            body = {"event": event, "data": data, "actor": actor}
            answer = platform.http.post(f"/api/v1/entities/{type}/l-{number}/transitions", json=body)
            assert answer.status_code == 201, answer.text
    return type


def test_a_draft_is_compared_tried_and_activated(page: Page, platform: Platform, loan: str) -> None:
    page.goto(f"/definitions/{loan}?tab=revisions&revision=2")
    page.get_by_role("link", name="Try and activate").click()
    expect(page.locator("h1")).to_have_text("Activate revision 2")
    expect(page.locator(".sm-group, .sm-state").filter(has_text="Refused").first).to_have_class(re.compile("is-added"))

    page.get_by_role("button", name="Run the backtest").click()

    expect(page.locator("#backtest")).to_contain_text("guard_refused")
    expect(page.locator("#backtest")).to_contain_text("Histories that conform")
    assert violations(page) == []
    page.locator("#backtest summary", has_text="1 example").click()
    page.locator("#backtest").get_by_role("link", name="simulate").click()
    expect(page.get_by_role("alert")).to_contain_text("context.sum")
    expect(page.get_by_role("alert")).to_contain_text("500")
    page.go_back()
    page.get_by_role("button", name="Activate revision 2").click()
    expect(page.get_by_role("status").filter(has_text="is active")).to_be_visible()

    revision = platform.http.get(f"/api/v1/definitions/{loan}/revisions/2").json()
    assert revision["status"] == "active"


def test_a_life_is_stepped_through_with_clicks_and_keys(page: Page, loan: str) -> None:
    page.goto(f"/definitions/{loan}/simulate?revision=2")
    page.get_by_role("button", name="Be this person").focus()
    page.get_by_label("Id", exact=True).fill("anna")
    page.locator("fieldset").get_by_role("checkbox").check()
    page.get_by_role("button", name="Be this person").click()
    expect(page.locator("#possible header")).to_contain_text("anna (clerk)")

    page.locator("summary", has_text="CHECK").click()
    form = page.get_by_role("form", name="CHECK")
    form.get_by_label("sum").fill("500")
    form.get_by_label("tone").select_option("<b>stern</b>")
    form.get_by_role("button", name="Send CHECK").press("Enter")
    expect(page.locator("#s-checked")).to_have_class(re.compile("is-current"))
    assert violations(page) == []

    page.locator("summary", has_text="GRANT").click()
    page.get_by_role("button", name="Send GRANT").click()
    expect(page.get_by_role("alert")).to_contain_text("guard_refused")
    page.get_by_role("link", name="Back", exact=True).click()
    expect(page.get_by_role("navigation", name="Steps")).to_contain_text("step 1 of 2")
    page.get_by_role("link", name="Forward", exact=True).click()
    expect(page.get_by_role("alert")).to_be_visible()

    page.get_by_label("Name", exact=True).fill("a large loan is not granted")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download").click()
    saved = json.loads(download.value.path().read_text())
    assert saved["scenarios"][0]["then"] == {"why": "guard_refused"}


@pytest.mark.parametrize("page", [LIGHT, DARK], ids=["light", "dark"], indirect=True)
@pytest.mark.parametrize(
    "path", ["diff?from=1&to=2", "activate?revision=2", "simulate?revision=2", "simulate?entity=l-1"]
)
def test_a_page_about_a_change_has_no_accessibility_violation(page: Page, loan: str, path: str) -> None:
    page.goto(f"/definitions/{loan}/{path}")

    assert violations(page) == []


@pytest.mark.parametrize("page", [PHONE], ids=["phone"], indirect=True)
@pytest.mark.parametrize("path", ["diff?from=1&to=2", "activate?revision=2", "simulate?entity=l-1&revision=2"])
def test_a_page_about_a_change_fits_a_phone(page: Page, loan: str, path: str) -> None:
    page.goto(f"/definitions/{loan}/{path}")

    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    cut = "all => all.filter(one => one.scrollWidth > one.clientWidth).map(one => one.innerText)"
    assert page.locator(".scroll").evaluate_all(cut) == []


@pytest.mark.parametrize("page", [{"java_script_enabled": False}], ids=["no scripts"], indirect=True)
def test_a_life_is_stepped_through_without_scripts(page: Page, loan: str) -> None:
    page.goto(f"/definitions/{loan}/simulate")
    page.locator("summary", has_text="CHECK").click()
    page.get_by_role("form", name="CHECK").get_by_label("sum").fill("0")
    page.get_by_role("button", name="Send CHECK").click()
    expect(page.get_by_role("alert")).to_contain_text("invalid_payload")

    page.get_by_role("button", name="Advance to the next timer").or_(page.get_by_text("No timer runs.")).first.focus()
    page.locator("summary", has_text="CHECK").click()
    page.get_by_role("form", name="CHECK").get_by_label("sum").fill("7")
    page.get_by_role("button", name="Send CHECK").click()

    expect(page.locator(".summary")).to_contain_text("Checked")
