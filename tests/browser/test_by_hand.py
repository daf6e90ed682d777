"""What a reader does with keys and clicks, under the policy that every page is served with."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accessibility import violations
from tests.browser.running import Platform


@pytest.mark.parametrize("key", ["Control+k", "/"])
def test_the_palette_finds_an_entity_by_a_part_of_its_id(page: Page, platform: Platform, key: str) -> None:
    order = platform.create_order()
    page.goto("/")

    page.keyboard.press(key)
    page.keyboard.type(order[3:])
    expect(page.get_by_role("option").first).to_contain_text(order)
    expect(page.get_by_role("option").first).to_have_attribute("aria-selected", "true")
    assert violations(page) == []
    page.keyboard.press("Enter")

    expect(page.locator("h1")).to_have_text(order)


def test_the_palette_finds_definitions_and_carries_out_commands(page: Page) -> None:
    page.goto("/")

    page.keyboard.press("/")
    page.keyboard.type("support")
    expect(page.get_by_role("option", name="Support ticket")).to_be_visible()
    page.get_by_role("combobox").fill("light")
    page.get_by_role("option", name="Switch between light and dark").click()

    expect(page.locator("html")).to_have_attribute("data-theme", re.compile("dark|light"))
    expect(page.get_by_role("dialog")).to_be_hidden()


def test_arrows_walk_the_palette(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("/")
    expect(page.get_by_role("option").first).to_have_attribute("aria-selected", "true")

    page.keyboard.press("ArrowDown")

    expect(page.get_by_role("option").nth(1)).to_have_attribute("aria-selected", "true")
    expect(page.get_by_role("option").first).to_have_attribute("aria-selected", "false")


def test_the_theme_is_kept_from_page_to_page(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Light or dark").click()
    chosen = page.locator("html").get_attribute("data-theme")

    page.goto("/system")

    assert chosen == "dark"
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_j_and_k_walk_the_rows_and_enter_opens_one(page: Page) -> None:
    page.goto("/entities?type=order")

    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("k")
    expect(page.locator("#list tbody tr a").first).to_be_focused()
    first = page.locator("#list tbody tr a").first.inner_text()
    page.keyboard.press("Enter")

    expect(page.locator("h1")).to_have_text(first)


def test_a_question_mark_explains_the_keys(page: Page) -> None:
    page.goto("/")

    page.keyboard.press("?")

    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    assert violations(page) == []


def test_the_list_narrows_while_typing_and_says_so_in_the_address(page: Page, platform: Platform) -> None:
    order = platform.create_order()
    page.goto("/entities?type=order")

    page.get_by_label("Query", exact=True).fill(f"type:order {order}")

    expect(page.locator("#list tbody tr")).to_have_count(1)
    expect(page).to_have_url(re.compile(f"q=type%3Aorder[+%20]+{order}"))
    page.go_back()
    expect(page.locator("#list tbody tr")).not_to_have_count(1)


def test_a_chip_narrows_to_a_state_and_a_second_click_lets_go(page: Page) -> None:
    page.goto("/entities?type=order")
    chip = page.get_by_role("navigation", name="Narrow by state").get_by_role("link", name="Basket")

    chip.click()
    expect(page).to_have_url(re.compile("state%3Abasket"))
    expect(chip).to_have_attribute("aria-current", "true")
    chip.click()

    expect(page).not_to_have_url(re.compile("basket"))


def test_pages_of_a_list_follow_each_other(page: Page) -> None:
    page.goto("/entities")
    first = page.locator("#list tbody tr").first.inner_text()

    page.get_by_role("link", name="Next page").click()
    expect(page.get_by_role("link", name="First page")).to_be_visible()
    assert page.locator("#list tbody tr").first.inner_text() != first
    page.get_by_role("link", name="First page").click()

    expect(page.get_by_role("link", name="First page")).to_have_count(0)


def test_an_event_can_be_copied_as_a_curl_command(page: Page, platform: Platform) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    order = platform.create_order()
    page.goto(f"/entities/order/{order}")

    page.locator("#facts summary", has_text="SUBMIT").click()
    page.get_by_role("button", name="Copy as curl").first.click()

    expect(page.locator("#said")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith(f"curl -X POST {platform.base}/api/v1/entities/order/{order}/transitions ")
    assert '"event": "SUBMIT"' in copied


def test_a_state_of_the_diagram_leads_to_its_row(page: Page) -> None:
    page.goto("/definitions/order")

    page.locator("#s-ready").click(position={"x": 30, "y": 20})

    expect(page).to_have_url(re.compile("#row-ready$"))


def test_the_menu_opens_on_a_phone(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto("/")
    expect(page.get_by_role("link", name="Refusals", exact=True)).to_be_hidden()

    page.get_by_label("Menu").click()
    page.get_by_role("link", name="Refusals", exact=True).click()

    expect(page.locator("h1")).to_have_text("Refusals")
