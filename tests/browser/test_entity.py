"""One selection in the diagram, the ribbon and the history of an entity, by mouse and by keys."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accessibility import violations
from tests.browser.running import Platform


@pytest.fixture
def order(platform: Platform) -> str:
    entity = platform.create_order()
    platform.send("order", entity, "SUBMIT", address="Lindenallee 4, Bremen")
    platform.send("order", entity, "CHANGE_ADDRESS", address="Am Wall 1, Bremen")
    platform.send("order", entity, "PAY", payment="pay_1", amount=9900)
    return entity


def _expect_version(page: Page, version: int, state: str) -> None:
    """That one version is chosen in all three, and in the address."""
    expect(page).to_have_url(re.compile(rf"[?&]at={version}\b"))
    expect(page.locator(f"#history .step.chosen#v{version}")).to_be_visible()
    expect(page.locator(f"#s-{state}")).to_have_class(re.compile("is-current"))
    expect(page.locator(".ribbon-bars [aria-current]").first).to_be_visible()
    expect(page.locator("#slide-at")).to_have_value(str(version))


def test_a_state_of_the_diagram_a_bar_and_a_row_all_choose_the_same_moment(page: Page, order: str) -> None:
    page.goto(f"/entities/order/{order}")

    page.locator("#s-basket").click(position={"x": 30, "y": 20})
    _expect_version(page, 1, "basket")
    page.locator("#pick-2").click()
    _expect_version(page, 2, "awaiting_payment")
    page.locator(".ribbon-bars a.bar").first.click()
    _expect_version(page, 1, "basket")

    assert violations(page) == []
    page.go_back()
    _expect_version(page, 2, "awaiting_payment")


def test_j_and_k_step_through_a_life_and_the_slider_does_so_by_its_own_keys(page: Page, order: str) -> None:
    page.goto(f"/entities/order/{order}?at=4")

    page.keyboard.press("j")
    _expect_version(page, 3, "awaiting_payment")
    page.keyboard.press("j")
    _expect_version(page, 2, "awaiting_payment")
    page.keyboard.press("k")
    _expect_version(page, 3, "awaiting_payment")
    page.locator("#slide-at").focus()
    page.keyboard.press("Home")

    _expect_version(page, 1, "basket")
    expect(page.locator("#slide-at")).to_be_focused()


def test_two_moments_are_compared_from_the_history(page: Page, order: str) -> None:
    page.goto(f"/entities/order/{order}?at=2")

    page.locator("#v3").get_by_role("link", name="Compare").click()

    expect(page).to_have_url(re.compile("at=2&with=3"))
    expect(page.locator("#comparison")).to_contain_text("Lindenallee 4, Bremen")
    expect(page.locator("#comparison")).to_contain_text("Am Wall 1, Bremen")
    assert violations(page) == []


def test_an_event_is_sent_by_form_and_the_page_follows(page: Page, platform: Platform) -> None:
    entity = platform.create_order()
    page.goto(f"/entities/order/{entity}")

    page.locator("#facts summary", has_text="SUBMIT").click()
    form = page.get_by_role("form", name="Send SUBMIT")
    form.get_by_label("address").fill("Lindenallee 4, Bremen")
    assert violations(page) == []
    form.get_by_role("button", name="Send SUBMIT").click()

    expect(page.locator("#life [role=status]")).to_contain_text("version 2")
    expect(page.locator("#now .summary")).to_contain_text("Awaiting payment")
    expect(page.locator("#history .step")).to_have_count(2)


@pytest.mark.parametrize("page", [{"java_script_enabled": False}], ids=["no scripts"], indirect=True)
def test_without_scripts_the_slider_and_the_comparison_are_forms(page: Page, order: str) -> None:
    page.goto(f"/entities/order/{order}?at=2")

    page.locator("summary", has_text="Go to a moment").click()
    page.get_by_label("Compared with").fill("4")
    page.get_by_role("form", name="Go to a moment").get_by_role("button", name="Show").click()

    expect(page).to_have_url(re.compile("at=2.*with=4"))
    expect(page.locator("#comparison")).to_contain_text("pay_1")
