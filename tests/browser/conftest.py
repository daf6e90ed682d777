"""A running platform with sample histories, and a browser that fails a test at the first complaint in its console."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.browser.running import Platform, address_of, make_hostile

PATIENCE_MS = 60_000


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("platform")
    process = subprocess.Popen(
        [sys.executable, "-m", "statewright", "demo", "--port", "0", "--entities", "40", "--data", str(folder)],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        platform = Platform(address_of(process))
        make_hostile(platform)
        yield platform
        platform.http.close()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
        assert process.stderr is not None
        process.stderr.close()


@pytest.fixture(
    scope="module"
)  # while it lives, Playwright keeps a loop running in this thread, in which no other can run
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # On a busy machine a page may take its time; what is wrong stays wrong for as long.
        expect.set_options(timeout=PATIENCE_MS)
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the console said; a test that expects something takes it out."""
    return []


@pytest.fixture(params=[{}])
def page(platform: Platform, browser: Browser, complaints: list[str], request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page of a context of its own; the parameter, if any, says how the context is made."""
    wanted = {"base_url": platform.base, "viewport": {"width": 1440, "height": 900}, **request.param}
    context = browser.new_context(**wanted)
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.on("console", lambda message: _note(message, complaints))
    page.on("pageerror", lambda error: complaints.append(f"uncaught: {error}"))
    yield page
    context.close()

    assert complaints == []


def _note(message: ConsoleMessage, complaints: list[str]) -> None:
    if message.type in ("error", "warning"):
        complaints.append(f"{message.type}: {message.text}")
