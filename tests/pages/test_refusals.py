"""What was refused, by rule and caller, and the way from there into the simulator."""

from __future__ import annotations

import html
import re

from tests.pages.conftest import Site


async def _pack(site: Site, addresses: int = 0) -> None:
    """A packed order, its address changed some times before it was paid."""
    await site.order()
    for number in range(addresses):
        await site.send("42", "CHANGE_ADDRESS", address=f"Am Wall {number}, Bremen")
    await site.send("42", "PAY", payment="pay_1", amount=9900)
    await site.send("42", "PICK")


async def _refuse(site: Site) -> None:
    """A packed order with an address that a guard refuses to change, and an event that its state does not take."""
    await _pack(site)
    await site.ask("42", "CHANGE_ADDRESS", address="<b>Am Wall</b> 1")
    await site.ask("42", "SHIP", tracking="T-1")


def _table(text: str, title: str) -> str:
    return text.partition(f'aria-labelledby="{title}"')[2].partition("</section>")[0]


async def _simulator(site: Site, event: str) -> str:
    """Where the refusal of an event leads."""
    page = (await site.page(f"/refusals?event={event}")).text
    address = re.search(r'href="([^"]*simulate[^"]*)"', page)
    assert address is not None
    return html.unescape(address.group(1))


async def test_a_refusal_is_told_with_its_reason_rule_caller_and_count(site: Site) -> None:
    await _refuse(site)
    await site.ask("42", "CHANGE_ADDRESS", address="Am Wall 2, Bremen")

    counts = _table((await site.page("/refusals?event=CHANGE_ADDRESS")).text, "counts-title")

    assert "guard_refused" in counts
    assert "not_packed_yet" in counts
    assert "anna" in counts
    assert re.search(r'data-as="Count">2<', counts)
    assert "SHIP" not in counts


async def test_refusals_narrow_by_all_that_they_are_told_by(site: Site) -> None:
    await _refuse(site)

    for query, there, not_there in [
        ("why=not_in_this_state", "SHIP", "CHANGE_ADDRESS"),
        ("rule=not_packed_yet", "CHANGE_ADDRESS", "SHIP"),
        ("state=basket", "Nothing of this was refused", "SHIP"),
        ("caller=bruno", "Nothing of this was refused", "SHIP"),
        ("caller=anna&event=SHIP", "SHIP", "CHANGE_ADDRESS"),
        ("entity=41", "Nothing of this was refused", "SHIP"),
        ("period=hour&entity=42", "SHIP", "Nothing"),
    ]:
        body = (await site.page(f"/refusals?type=order&{query}")).text.partition('id="main"')[2]
        assert there in _table(body, "counts-title"), query
        assert not_there not in _table(body, "counts-title"), query


async def test_the_simulator_opens_with_the_entity_as_it_was_and_the_refused_event_filled_in(site: Site) -> None:
    await _refuse(site)
    address = await _simulator(site, "CHANGE_ADDRESS")
    await site.send("42", "INVOICE", invoice_no="INV-20481")

    page = await site.client.get(address, follow_redirects=True)

    form = page.text.partition('aria-label="CHANGE_ADDRESS"')[2].partition("</form>")[0]
    assert page.status_code == 200
    assert 'version <b class="num">4</b>' in page.text
    assert "Lindenallee 4, Bremen" in page.text
    assert 'value="&lt;b&gt;Am Wall&lt;/b&gt; 1"' in form
    assert 'value="anna"' in page.text
    assert re.search(r'<details class="event[^"]*" open id="event.CHANGE_ADDRESS">', page.text)


async def test_an_event_that_the_state_does_not_take_is_filled_in_too(site: Site) -> None:
    await _refuse(site)

    page = await site.client.get(await _simulator(site, "SHIP"), follow_redirects=True)

    assert 'id="any-event" name="event" value="SHIP"' in page.text
    assert "T-1" in page.text.partition('id="any-data"')[2].partition("</textarea>")[0]


async def test_a_refused_creation_opens_with_what_was_to_be_created(site: Site) -> None:
    await site.ask("43", None, customer="C-1", total=-5)

    page = await site.client.get(await _simulator(site, "created"), follow_redirects=True)

    assert "not there yet" in page.text
    assert 'value="-5"' in page.text.partition('aria-label="Create it"')[2].partition("</form>")[0]


async def test_a_life_too_long_to_be_played_begins_in_the_simulator_as_it_was(site: Site) -> None:
    await _pack(site, 510)
    await site.ask("42", "CHANGE_ADDRESS", address="Domshof 1, Bremen")

    page = await site.client.get(await _simulator(site, "CHANGE_ADDRESS"), follow_redirects=True)

    assert page.status_code == 200
    assert "Am Wall 509, Bremen" in page.text
    assert 'version <b class="num">514</b>' in page.text
    assert "step 0 of 0" in page.text


async def test_a_refusal_that_is_not_kept_is_a_404_in_a_sentence(site: Site) -> None:
    await site.order()

    for id in ("999", "x", "-1", "9" * 30):
        answer = await site.page(f"/definitions/order/simulate?refusal={id}")
        assert answer.status_code == 404
        assert "not kept any more" in answer.text


async def test_an_entitys_page_tells_of_its_own_refusals(site: Site) -> None:
    await _refuse(site)
    await site.order("43")

    theirs, others = [(await site.page(f"/entities/order/{id}")).text for id in ("42", "43")]

    assert "Refused lately" in theirs
    assert "simulate?revision=1&amp;refusal=" in theirs
    assert "Refused lately" not in others


async def test_pages_of_refusals_follow_each_other_without_gap_or_repeat(site: Site) -> None:
    await _pack(site)
    for number in range(60):
        await site.ask("42", "CHANGE_ADDRESS", address=f"Am Wall {number}, Bremen")

    first = (await site.page("/refusals")).text
    older = re.search(r'href="([^"]*before=[^"]*)"', first)
    assert older is not None
    second = (await site.page(html.unescape(older.group(1)))).text

    ids = re.findall(r"refusal=(\d+)", first) + re.findall(r"refusal=(\d+)", second)
    assert len(ids) == len(set(ids)) == 60
