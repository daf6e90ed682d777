"""Pages that are open while something happens."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.browser.running import Platform


def test_an_entity_that_moves_is_seen_to_move(page: Page, platform: Platform) -> None:
    order = platform.create_order()
    page.goto(f"/entities/order/{order}")
    expect(page.locator(".live")).to_have_text("Live")

    platform.send("order", order, "SUBMIT", address="Lindenallee 4, Bremen")

    expect(page.locator("#now .summary")).to_contain_text("Awaiting payment")
    expect(page.locator("#facts")).to_contain_text("Lindenallee 4, Bremen")
    expect(page.locator("#facts")).to_contain_text("PAY")


def test_history_announces_what_is_new_and_keeps_its_rows_in_place(page: Page, platform: Platform) -> None:
    order = platform.create_order()
    page.goto(f"/entities/order/{order}")
    expect(page.locator(".live")).to_have_text("Live")

    platform.send("order", order, "SUBMIT", address="Lindenallee 4, Bremen")

    expect(page.locator("#history .news")).to_have_text("+1 new")
    expect(page.locator("#history .step")).to_have_count(1)
    page.locator("#history .news a").click()
    expect(page.locator("#history .step")).to_have_count(2)
    expect(page.locator("#history .step").first).to_contain_text("SUBMIT")


def test_the_list_announces_what_is_new_and_keeps_its_rows_in_place(page: Page, platform: Platform) -> None:
    platform.create_order()
    page.goto("/entities?type=order")
    expect(page.locator(".live")).to_have_text("Live")
    before = page.locator("#list tbody tr").first.inner_text()

    order = platform.create_order()

    expect(page.locator("#list .news")).to_have_text("+1 new")
    assert page.locator("#list tbody tr").first.inner_text().split("\t")[0] == before.split("\t")[0]
    page.locator("#list .news a").click()
    expect(page.locator("#list tbody tr").first).to_contain_text(order)


def test_counts_on_the_diagram_follow_the_views(page: Page, platform: Platform) -> None:
    page.goto("/definitions/order")
    expect(page.locator(".live")).to_have_text("Live")
    row = page.locator("#row-basket td").nth(1)
    before = int(row.inner_text().replace(",", ""))

    platform.create_order()

    expect(row).to_have_text(f"{before + 1:,}")
    expect(page.locator("#c-basket")).to_contain_text(str(before + 1))


def test_details_that_the_reader_opened_stay_open(page: Page, platform: Platform) -> None:
    order = platform.create_order()
    page.goto(f"/entities/order/{order}")
    expect(page.locator(".live")).to_have_text("Live")
    page.locator("#facts summary").first.click()
    expect(page.locator("#facts details").first).to_have_attribute("open", "")

    platform.send("order", order, "SUBMIT", address="Lindenallee 4, Bremen")

    expect(page.locator("#facts")).to_contain_text("PAY")
    expect(page.locator("#facts details").first).to_have_attribute("open", "")


def test_an_order_in_two_states_at_once_is_seen_to_be_ready_when_both_are_done(page: Page, platform: Platform) -> None:
    order = platform.create_order()
    platform.send("order", order, "SUBMIT", address="Lindenallee 4, Bremen")
    platform.send("order", order, "PAY", payment="pay_1", amount=9900)
    page.goto(f"/entities/order/{order}")
    expect(page.locator(".live")).to_have_text("Live")
    expect(page.locator("#now .summary .badge")).to_have_count(2)
    expect(page.locator(".sm-state.is-current")).to_have_count(2)

    platform.send("order", order, "PICK")
    platform.send("order", order, "INVOICE", invoice_no="INV-1")

    expect(page.locator("#now .summary")).to_contain_text("Ready to ship")
    expect(page.locator(".sm-state.is-current")).to_have_count(1)
    page.locator("#history .news a").click()
    expect(page.locator("#history .parts").first).to_contain_text("Fulfilment is done")
