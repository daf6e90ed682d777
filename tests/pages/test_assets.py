"""The static files: vendored ones are what their manifest says, and the first load stays small."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

import pytest

import statewright_ui
from statewright_ui.assets import ASSETS
from tests.pages.conftest import Site

ROOM = Path(statewright_ui.__file__).parent
VENDORED = ROOM / "static" / "vendor"
MANIFEST = json.loads((VENDORED / "manifest.json").read_text())
FIRST_LOAD = ["app.css", "diagram.css", "entity.css", "app.js", "theme.js", "vendor/htmx.js", "vendor/hx-sse.js"]


@pytest.mark.parametrize("package", MANIFEST, ids=lambda package: package["name"])
def test_a_vendored_file_is_the_one_of_the_manifest_and_carries_its_licence(package: dict[str, str]) -> None:
    locked = json.loads((ROOM / "vendor" / "package-lock.json").read_text())["packages"]

    assert package["version"] == locked[f"node_modules/{package['name']}"]["version"]
    assert len((VENDORED / package["licence_text"]).read_text()) > 500
    for name, digest in dict(package["sha256"]).items():
        assert hashlib.sha256((VENDORED / name).read_bytes()).hexdigest() == digest


def test_nothing_is_vendored_that_the_manifest_does_not_name() -> None:
    named = {name for package in MANIFEST for name in (*package["sha256"], package["licence_text"])}

    assert {path.name for path in VENDORED.iterdir()} == named | {"manifest.json"}


async def test_the_first_load_is_under_60_kb_compressed(site: Site) -> None:
    sizes = {}
    for name in FIRST_LOAD:
        answer = await site.client.get(ASSETS.address(name), headers={"Accept-Encoding": "gzip"})
        assert answer.headers["content-encoding"] == "gzip"
        sizes[name] = int(answer.headers["content-length"])

    assert sum(sizes.values()) < 60_000, sizes


async def test_a_page_loads_only_files_that_are_there_and_keep_for_good(site: Site) -> None:
    html = (await site.page("/")).text

    loaded = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', html))
    assert len(loaded) >= len(FIRST_LOAD)
    for address in loaded:
        answer = await site.client.get(address)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_files_that_style_sheets_name_are_there() -> None:
    for sheet in ("app.css", "entity.css", "diagram.css"):
        text = next(ROOM.rglob(sheet)).read_text()
        for name in re.findall(r"url\(([^)]+)\)", text):
            ASSETS.address(name)


def test_no_template_holds_inline_script_or_style() -> None:
    for template in ROOM.rglob("*.html"):
        text = template.read_text()
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|hx-on|js:", text), template
