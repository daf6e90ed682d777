"""What every page keeps, in both themes, on a desk and on a phone, whatever text it has to show."""

from __future__ import annotations

import urllib.parse

import pytest
from playwright.sync_api import Page, expect

from tests.browser.accessibility import violations
from tests.browser.running import HOSTILE_ID, Platform

HOSTILE_PAGE = "/entities/hostile/" + urllib.parse.quote(HOSTILE_ID, safe="")
PAGES = [
    "/",
    "/definitions",
    "/definitions/order",
    "/definitions/support_ticket?heat=ever",
    "/definitions/order?heat=dwell",
    "/definitions/permit",
    "/definitions/subscription",
    "/definitions/order?tab=json",
    "/definitions/order?tab=revisions",
    "/definitions/hostile",
    "/entities",
    "/entities?type=order&state=basket",
    "/entities?type=order&state=fulfilment",
    "/entities?q=nothing-has-this-id",
    "/entities?q=type:order+data.total:>1&order=longest&columns=state,since,data.total,data.customer",
    "/saved-views",
    "/bulk",
    "/bulk/new?q=type:order&event=CANCEL",
    "/entities/order/{order}",
    "/entities/order/{order}?at=2",
    "/entities/order/{order}?at=1&with=3",
    HOSTILE_PAGE,
    HOSTILE_PAGE + "?at=1&with=2",
    HOSTILE_PAGE + "/related",
    "/refusals?type=hostile&why=not_in_this_state",
    "/definitions/hostile/simulate?entity=" + urllib.parse.quote(HOSTILE_ID, safe=""),
    "/entities/order/{order}/related",
    "/refusals",
    "/metrics-by-type",
    "/metrics/order",
    "/metrics/support_ticket?compare=1&b_from=2001-01-01&b_to=2001-01-31",
    "/metrics/hostile",
    "/system",
    "/search?q=or",
]
LIGHT, DARK = {"color_scheme": "light"}, {"color_scheme": "dark"}
PHONE = {"viewport": {"width": 390, "height": 844}}


@pytest.fixture(scope="module")
def order(platform: Platform) -> str:
    entity = platform.create_order()
    platform.send("order", entity, "SUBMIT", address="Lindenallee 4, Bremen")
    platform.see(platform.send("order", entity, "PAY", payment="pay_1", amount=9900)["position"])
    return entity


@pytest.mark.parametrize("page", [LIGHT, DARK], ids=["light", "dark"], indirect=True)
@pytest.mark.parametrize("path", PAGES)
def test_a_page_has_no_accessibility_violation(page: Page, order: str, path: str) -> None:
    page.goto(path.format(order=order))

    assert violations(page) == []


@pytest.mark.parametrize("page", [PHONE], ids=["phone"], indirect=True)
@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_a_phone_without_scrolling_sideways(page: Page, order: str, path: str) -> None:
    page.goto(path.format(order=order))

    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("page", [PHONE], ids=["phone"], indirect=True)
@pytest.mark.parametrize("path", PAGES)
def test_no_column_of_a_table_is_out_of_sight_on_a_phone(page: Page, order: str, path: str) -> None:
    page.goto(path.format(order=order))

    cut = "all => all.filter(one => one.scrollWidth > one.clientWidth).map(one => one.innerText)"
    assert page.locator(".scroll").evaluate_all(cut) == []


@pytest.mark.parametrize("page", [{"java_script_enabled": False}], ids=["no scripts"], indirect=True)
@pytest.mark.parametrize("path", PAGES)
def test_a_page_reads_without_scripts(page: Page, order: str, path: str) -> None:
    page.goto(path.format(order=order))

    expect(page.locator("h1")).to_be_visible()
    assert len(page.locator("main").inner_text()) > 40
    expect(page.locator(".js:visible")).to_have_count(0)


def test_hostile_text_is_shown_and_never_obeyed(page: Page, complaints: list[str]) -> None:
    page.on("dialog", lambda dialog: complaints.append(f"a dialog said {dialog.message}"))

    page.goto(HOSTILE_PAGE)

    expect(page.locator("h1")).to_have_text(HOSTILE_ID)
    expect(page.locator("#facts")).to_contain_text("</pre><script>alert(1)</script>")
    assert page.locator("main script, main img").count() == 0


def test_a_link_to_an_entity_with_every_odd_character_leads_there(page: Page) -> None:
    page.goto("/entities?type=hostile")
    page.get_by_role("link", name=HOSTILE_ID).click()

    expect(page.locator("h1")).to_have_text(HOSTILE_ID)


def test_what_does_not_exist_says_so_in_a_page(page: Page, complaints: list[str]) -> None:
    answer = page.goto("/entities/order/nobody")

    assert answer is not None
    assert answer.status == 404
    expect(page.get_by_role("alert")).to_contain_text("holds no transition of order nobody")
    assert violations(page) == []
    complaints.clear()  # the browser itself reports the 404
