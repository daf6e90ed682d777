"""Takes the screenshots beside this file from a running demo: `python docs/screenshots/take.py http://127.0.0.1:8000`.

Needs the development dependencies and Chromium.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import httpx
from playwright.sync_api import Browser, sync_playwright

HERE = Path(__file__).parent
DESK, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


def main(base: str) -> None:
    """Every picture, over the old ones."""
    rows = httpx.get(f"{base}/api/v1/entities/order", params={"limit": 1000, "state": "fulfilment"}).json()["items"]
    busiest = max(rows, key=lambda row: row["version"])["entity"]
    shipments = httpx.get(f"{base}/api/v1/entities/shipment", params={"limit": 1000, "state": "handed_over"}).json()[
        "items"
    ]
    delivered = next(row["entity"] for row in shipments if _names_what_is_there(base, row["entity"]))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for theme in ("light", "dark"):
            _take(browser, base, "/", f"overview-{theme}", theme)
            _take(browser, base, "/definitions/support_ticket?heat=ever", f"definition-{theme}", theme)
            _take(browser, base, "/entities?type=order", f"entities-{theme}", theme)
            _take(browser, base, f"/entities/order/{busiest}", f"entity-{theme}", theme)
            _take(browser, base, f"/entities/order/{busiest}?at=3", f"entity-past-{theme}", theme, whole=True)
            _take(browser, base, f"/entities/shipment/{delivered}/related", f"related-{theme}", theme)
            _take(browser, base, "/refusals?type=order", f"refusals-{theme}", theme)
        _take(browser, base, f"/entities/order/{busiest}?at=1&with=4", "entity-compared", "light", whole=True)
        query = "/entities?q=type:order+-state:delivered,cancelled,returned+data.total:%3E1000&order=longest"
        _take(browser, base, f"{query}&columns=state,since,actor,data.total,data.customer", "list-by-query", "light")
        _take(browser, base, "/", "palette", "light", keys="/")
        _take(browser, base, f"/entities/order/{busiest}", "entity-phone", "light", PHONE)
        browser.close()


def _names_what_is_there(base: str, shipment: str) -> bool:
    """Whether the order of a shipment has come further than its basket."""
    order = httpx.get(f"{base}/api/v1/entities/shipment/{shipment}").json()["data"]["order_no"]
    return bool(httpx.get(f"{base}/api/v1/entities/order/{order}").json().get("version", 0) > 3)


def _take(
    browser: Browser,
    base: str,
    path: str,
    name: str,
    theme: str,
    size: dict[str, int] = DESK,
    keys: str = "",
    whole: bool = False,
) -> None:
    page = browser.new_page(viewport=size, color_scheme=theme, base_url=base)  # type: ignore[arg-type]  # as documented
    page.goto(path)
    if path.startswith(("/refusals",)):
        page.locator("#main").wait_for()
    else:
        page.locator(".live[data-on]").wait_for()
    if keys:
        page.keyboard.press(keys)
        page.get_by_role("option").first.wait_for()
    page.screenshot(path=HERE / f"{name}.png", animations="disabled", full_page=whole)
    page.close()


if __name__ == "__main__":
    main(sys.argv[1])
