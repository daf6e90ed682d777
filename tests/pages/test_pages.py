"""What the pages answer: whole and in parts, full and empty, when all is well and when it is not."""

from __future__ import annotations

import re

import pytest
from litestar.exceptions import PermissionDeniedException

from statewright.stores.words import StoreUnavailable
from tests.pages.conftest import Site

PAGES = ["/", "/definitions", "/entities", "/refusals", "/system", "/search"]


@pytest.mark.parametrize("path", [*PAGES, "/nothing-here"])
async def test_every_page_carries_the_policy_with_a_nonce_of_its_own(site: Site, path: str) -> None:
    first, second = [(await site.page(path)).headers["content-security-policy"] for _ in range(2)]

    assert first.startswith("default-src 'none'; script-src 'self'; style-src 'self' 'nonce-")
    assert "unsafe-eval" not in first
    assert first != second


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_says_what_to_do_where_there_is_nothing_yet(bare: Site, path: str) -> None:
    answer = await bare.page(path)

    assert answer.status_code == 200
    assert "yet" in answer.text or "first time" in answer.text or "Search" in answer.text


async def test_a_definition_reads_before_its_views_are_built(bare: Site) -> None:
    bare.needs.catalog.register(b'{"id": "lamp", "initial": "off", "states": {"off": {}}}', activate=True)

    answer = await bare.page("/definitions/lamp")

    assert answer.status_code == 200
    assert "figures follow in a moment" in answer.text


async def test_a_draft_with_errors_is_drawn_and_its_errors_are_listed(bare: Site) -> None:
    bare.needs.catalog.register(b'{"id": "lamp", "initial": "off", "states": {"off": {"on": {"GO": "nowhere"}}}}')

    answer = await bare.page("/definitions/lamp")

    assert answer.status_code == 200
    assert "1 error" in answer.text
    assert "<svg" in answer.text.partition('id="main"')[2]


async def test_an_entity_is_shown_as_the_log_has_it_even_when_no_view_has_seen_it(bare: Site, site: Site) -> None:
    await site.order()

    answer = await site.page("/entities/order/42")

    assert answer.status_code == 200
    assert "Awaiting payment" in answer.text
    assert "Lindenallee 4, Bremen" in answer.text
    assert "PAY" in answer.text


@pytest.mark.parametrize("part", ["now", "facts", "history"])
async def test_a_part_comes_alone_when_htmx_asks_for_it(site: Site, part: str) -> None:
    await site.order()

    answer = await site.part("/entities/order/42", part)

    assert answer.status_code == 200
    assert "<html" not in answer.text
    assert re.match(rf'\s*<(div|section) id="{part}"', answer.text)
    assert "HX-Target" in answer.headers["vary"]


async def test_a_part_that_no_page_has_gives_the_whole_page(site: Site) -> None:
    assert "<html" in (await site.part("/", "nonsense")).text


async def test_going_back_in_the_history_gives_the_whole_page(site: Site) -> None:
    answer = await site.client.get("/", headers={"HX-Request-Type": "full", "HX-Target": "div#types"})

    assert "<html" in answer.text


async def test_the_list_narrows_by_state_and_by_a_part_of_the_id(site: Site) -> None:
    await site.order("a-1")
    await site.send("a-2", None, customer="C-1", total=1)
    await site.send("b-3", None, customer="C-1", total=1)
    await site.consolidate()

    listed = (await site.page("/entities?type=order&state=basket&q=a-")).text.partition("<tbody>")[2]

    assert "a-2" in listed
    assert "a-1" not in listed
    assert "b-3" not in listed


async def test_those_that_wait_longest_come_first_whatever_their_type(site: Site) -> None:
    for type in ("lamp", "valve"):
        document = f'{{"id": "{type}", "label": "A {type}", "initial": "off", "states": {{"off": {{}}}}}}'
        site.needs.catalog.register(document.encode(), activate=True)
    sent = [("2", "valve"), ("1", "lamp"), ("4", "valve"), ("3", "lamp")]
    for entity, type in sent:
        await site.send(entity, None, type)
    await site.consolidate()

    listed = (await site.page("/")).text.partition("Longest in one state")[2]

    found = re.findall(r"<bdi>A (\w+)</bdi></span> <bdi class=\"mono\">(\d)</bdi>", listed)
    assert found == [(type, entity) for entity, type in sent]


async def test_an_address_that_no_list_gave_is_answered_with_a_sentence(site: Site) -> None:
    await site.order()
    await site.consolidate()

    answer = await site.page("/entities?type=order&after=garbage")

    assert answer.status_code == 404
    assert "begin again from its first page" in answer.text


async def test_history_pages_to_older_transitions_without_gap_or_repeat(site: Site) -> None:
    await site.order()
    for number in range(60):
        await site.send("42", "CHANGE_ADDRESS", address=f"Lindenallee {number}, Bremen")
    newest, older = [await site.part(f"/entities/order/42{query}", "history") for query in ("", "?before=13")]

    versions = [int(found) for answer in (newest, older) for found in re.findall(r'id="v(\d+)"', answer.text)]

    assert versions == list(range(62, 0, -1))


@pytest.mark.parametrize("before", ["0", "-1", "1", "999999999999", "x", "١"])
async def test_any_page_of_the_history_answers(site: Site, before: str) -> None:
    await site.order()

    assert (await site.page(f"/entities/order/42?before={before}")).status_code == 200


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/entities/order/nobody", "No such entity"),
        ("/definitions/nothing", "No such definition"),
        ("/entities?type=nothing", "No such type"),
        ("/nothing-here", "There is nothing here"),
        ("/static/0/secret.py", "There is nothing here"),
        ("/static/0/../needs.py", "There is nothing here"),
    ],
)
async def test_what_is_not_there_is_a_404_in_a_page(site: Site, path: str, says: str) -> None:
    answer = await site.page(path)

    assert answer.status_code == 404
    assert says in answer.text


async def test_a_log_that_cannot_be_read_is_told_in_the_page_and_in_the_part(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unavailable(*_: object) -> None:
        raise StoreUnavailable("the disk is away")

    monkeypatch.setattr(site.needs.store, "heads", unavailable)
    page, part = await site.page("/entities/order/42"), await site.part("/entities/order/42", "now")

    assert (page.status_code, part.status_code) == (503, 503)
    assert "Try again" in page.text
    assert "<html" not in part.text
    assert 'id="now"' in part.text


async def test_who_may_not_see_something_is_told_so(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionDeniedException("no grant")

    monkeypatch.setattr(site.needs.catalog, "types", forbidden)
    answer = await site.page("/definitions")

    assert answer.status_code == 403
    assert "no grant for this" in answer.text


async def test_what_nobody_foresaw_has_a_number_and_no_traceback(
    site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr(site.needs.catalog, "types", broken)
    answer = await site.page("/definitions")

    number = re.search(r"under the number (\w+)", answer.text)
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert number is not None
    assert number.group(1) in caplog.text


async def test_the_target_of_a_failed_part_cannot_break_out_of_it(site: Site) -> None:
    headers = {"HX-Request-Type": "partial", "HX-Target": 'div#"><script>alert(1)</script>'}
    answer = await site.client.get("/entities/order/nobody", headers=headers)

    assert "<script>alert" not in answer.text
