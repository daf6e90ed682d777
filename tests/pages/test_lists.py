"""The list of entities as people use it: query and chips say the same, columns and order, saved views, exports."""

from __future__ import annotations

import html
import re
from urllib.parse import quote

import pytest

from tests.pages.conftest import Site


async def three(site: Site) -> None:
    """Three orders: one in the basket, one that waits for its payment, one cancelled."""
    await site.send("a-1", None, customer="C-1", total=100)
    await site.order("a-2")
    await site.send("b-3", None, customer="C-3", total=300)
    await site.send("b-3", "CANCEL", reason="ordered twice")
    await site.consolidate()


async def rows(site: Site, q: str, more: str = "") -> list[str]:
    page = await site.page(f"/entities?q={quote(q)}{more}")
    assert page.status_code == 200, page.text
    return re.findall(r'<tr data-row>.*?<a class="whole mono"[^>]*><bdi>([^<]*)', page.text, re.DOTALL)


async def addresses(text: str) -> list[str]:
    return [html.unescape(found) for found in re.findall(r'href="([^"]*)"', text)]


async def test_the_list_shows_those_of_whom_the_query_holds(site: Site) -> None:
    await three(site)

    assert await rows(site, "") == ["b-3", "a-2", "a-1"]
    assert await rows(site, "type:order data.total:>=100 -state:cancelled") == ["a-2", "a-1"]
    assert await rows(site, "type:order", "&order=longest") == ["a-1", "a-2", "b-3"]
    assert await rows(site, "a-", "&type=order&state=basket") == ["a-1"]


async def test_a_chip_of_a_state_is_put_into_the_query_and_taken_out_of_it(site: Site) -> None:
    await three(site)
    page = (await site.page("/entities?q=type:order%20data.total:%3E50")).text
    chosen = (await site.page("/entities?q=type:order%20state:basket")).text

    assert "/entities?q=type%3Aorder%20data.total%3A%3E50%20state%3Abasket" in await addresses(page)
    assert re.search(r'<a class="chip[^>]*href="/entities\?q=type%3Aorder" aria-current="true"', chosen)


async def test_every_term_has_a_chip_that_takes_it_away(site: Site) -> None:
    await three(site)
    page = (await site.page("/entities?q=" + quote('type:order actor:ann -data.note:"a b"'))).text

    for text, rest in [
        ("actor:ann", 'type:order -data.note:"a b"'),
        ('-data.note:"a b"', "type:order actor:ann"),
        ("type:order", 'actor:ann -data.note:"a b"'),
    ]:
        link = re.search(
            rf'<a href="([^"]*)" aria-label="Remove {re.escape(html.escape(text, quote=False))}', html.unescape(page)
        )
        assert link is not None, text
        assert link[1] == "/entities?q=" + quote(rest, safe="")


@pytest.mark.parametrize(
    ("field", "operator", "value", "q"),
    [
        ("word", "is", "a b", 'type:order "a b"'),
        ("since", "above", "3d", "type:order since:>3d"),
        ("data.total", "below", "200", "type:order data.total:<200"),
        ("actor", "not", "Ann Lee", 'type:order -actor:"Ann Lee"'),
        ("state", "is", "basket,review", "type:order state:basket,review"),
        ("id", "is", "a:b", "type:order id:a:b"),
        ("since", "is", "3d", "type:order since:3d"),
        ("nothing", "is", "x", "type:order nothing:x"),
        ("actor", "is", "  ", "type:order"),
    ],
)
async def test_a_filter_chosen_in_the_form_becomes_a_term(
    bare: Site, field: str, operator: str, value: str, q: str
) -> None:
    asked = {"q": "type:order", "field": field, "operator": operator, "value": value}
    answer = await bare.client.get("/entities/filter", params=asked)

    assert (answer.status_code, answer.headers["location"]) == (303, "/entities?q=" + quote(q, safe=""))


async def test_the_counts_of_chips_are_of_those_who_fit(site: Site) -> None:
    await three(site)
    quick = (await site.page("/entities?q=type:order")).text
    slow = (await site.page("/entities?q=type:order%20data.total:%3E200")).text
    counted = (await site.part("/entities?q=type:order%20data.total:%3E200", "facets")).text

    assert re.search(r"Basket</bdi> <b>1</b>", quick)
    assert "3 entities fit" in quick
    assert "Counting" in slow
    assert 'hx-trigger="load"' in slow
    assert re.search(r"Basket</bdi> <b>0</b>", counted)
    assert re.search(r"Cancelled</bdi> <b>1</b>", counted)
    assert "2 entities fit" in counted


async def test_a_query_that_cannot_be_read_is_shown_with_its_place(site: Site) -> None:
    await three(site)
    whole = await site.page("/entities?q=stat:x%20a-1")
    typing = await site.part("/entities?q=stat:x", "list")

    assert whole.status_code == 400
    assert "<mark>stat</mark>" in whole.text
    assert "did you mean state?" in whole.text
    assert 'value="stat:x a-1"' in whole.text
    assert (typing.status_code, typing.text) == (204, "")


async def test_columns_are_chosen_in_the_address(site: Site) -> None:
    await three(site)
    page = (await site.page("/entities?q=type:order&columns=state&columns=data.customer")).text
    wrong = (await site.page("/entities?columns=nothing")).text

    assert re.findall(r'<th scope="col"[^>]*>(?:<bdi>)?([^<]+)', page)[1:] == ["State", "customer"]
    assert "<bdi>C-3</bdi>" in page
    assert "/api/v1/views/export?q=type%3Aorder&columns=state%2Cdata.customer&format=csv" in await addresses(page)
    assert "There is no column" in wrong


async def test_values_that_look_like_html_stay_text(site: Site) -> None:
    await three(site)
    evil = '<img src=x onerror=alert(1)>"'
    page = await site.page("/entities?q=" + quote(evil) + "&columns=" + quote('data."<b>"'))
    completed = await site.page("/entities/complete?q=" + quote(f"actor:{evil}") + "&at=3")

    assert "<img src=x" not in page.text + completed.text


async def test_a_list_is_saved_listed_renamed_and_deleted(site: Site) -> None:
    await three(site)
    form = {"name": "Big <ones>", "q": "type:order data.total:>200", "order": "longest", "columns": "state,data.total"}
    made = await site.client.post("/saved-views", data=form)
    page = (await site.page(made.headers["location"])).text
    again = await site.client.post("/saved-views", data={**form, "name": "BIG <ONES>"})
    (view,) = site.needs.catalog.saved_views.all()
    renamed = await site.client.post(f"/saved-views/{view.id}", data={"do": "rename", "name": "Large"})
    listed = (await site.page("/saved-views")).text
    await site.client.post(f"/saved-views/{view.id}", data={"do": "delete"})
    gone = await site.client.post(f"/saved-views/{view.id}", data={"do": "delete"})

    assert made.status_code == renamed.status_code == 303
    assert re.search(r'aria-current="page"><bdi class="clip">Big &lt;ones&gt;', page)
    assert (again.status_code, "is called" in again.text, "Not saved yet" in again.text) == (422, True, True)
    assert "Large" in listed
    assert gone.status_code == 404
    assert "Nothing is saved yet" in (await site.page("/saved-views")).text


async def test_nothing_is_saved_for_a_page_of_another_site(site: Site) -> None:
    answer = await site.client.post("/saved-views", data={"name": "x"}, headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403
    assert site.needs.catalog.saved_views.all() == []


async def test_names_and_values_are_completed_from_definitions_and_from_what_moved(site: Site) -> None:
    await three(site)

    async def offered(q: str) -> list[str]:
        answer = await site.page(f"/entities/complete?q={quote(q)}&at={len(q)}")
        return [html.unescape(text) for text in re.findall(r'data-text="([^"]*)"', answer.text)]

    assert await offered("type:") == ["order"]
    assert "awaiting_payment" in await offered("type:order state:await")
    assert await offered("actor:") == ["anna"]
    assert "data.total:" in await offered("type:order tot")
    assert (
        await offered("type:order data.customer:") == ["C-1", "C-1042", "C-3"]
        or len(await offered("type:order data.customer:")) == 3
    )
