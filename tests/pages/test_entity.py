"""The page of one entity: as it was, two moments of it, and events sent to it by form."""

from __future__ import annotations

import re
import shlex

import pytest

from statewright.stores.words import Ref
from statewright_ui.words import curl
from tests.pages.conftest import Site

HOME = "/entities/order/42"


def _field(html: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found is not None, name
    return found.group(1)


def _form(html: str, event: str) -> dict[str, str]:
    """What the form of an event would send as it stands."""
    form = html.partition(f'aria-label="Send {event}"')[2].partition("</form>")[0]
    return {name: _field(form, name) for name in ("event", "expected", "command", "actor")}


async def test_at_a_version_the_state_the_data_and_the_path_are_those_of_that_version(site: Site) -> None:
    await site.order()
    await site.send("42", "PAY", payment="pay_1", amount=9900)

    page = (await site.page(f"{HOME}?at=1")).text

    assert "As it was" in page
    assert re.search(r'id="s-basket"[^>]*class="[^"]*is-current|class="[^"]*is-current[^"]*"[^>]*id="s-basket"', page)
    assert "is-walked" not in page.partition('class="sm-edges"')[2].partition('class="sm-states"')[0]
    data = page.partition('id="data-title"')[2]
    assert "9900" in data
    assert "Lindenallee" not in data


async def test_a_moment_shows_the_version_that_held_then(site: Site) -> None:
    await site.order()
    recorded = (await site.needs.asking.history(Ref("order", "42")))[0].recorded_at
    moment = (await site.page(HOME)).text
    moment = re.findall(r'datetime="([^"]+)"', moment)[-1]

    assert recorded
    assert "As it was" in (await site.page(f"{HOME}?at={moment}")).text
    assert (await site.page(f"{HOME}?at=2001-01-01T00:00:00Z")).status_code == 404


@pytest.mark.parametrize(
    "query", ["at=0", "at=9", "at=-1", "at=x", "at=1&with=9", "at=2001-13-01T00:00:00Z", "at=%F0%9F%98%80"]
)
async def test_a_version_or_moment_that_is_not_there_is_a_404_in_a_sentence(site: Site, query: str) -> None:
    await site.order()

    answer = await site.page(f"{HOME}?{query}")

    assert answer.status_code == 404
    assert 'role="alert"' in answer.text


async def test_two_moments_are_compared_field_by_field_in_whichever_order_they_are_named(site: Site) -> None:
    await site.order()
    await site.send("42", "PAY", payment="pay_1", amount=9900)

    there, back = [(await site.page(f"{HOME}?{query}")).text for query in ("at=1&with=3", "at=3&with=1")]

    for page in (there, back):
        table = page.partition('id="comparison"')[2].partition("</section>")[0]
        rows = re.findall(r"<tr><td.*?</tr>", table, re.DOTALL)
        told = {re.search(r"<bdi[^>]*>(.*?)</bdi>", row).group(1): row for row in rows}  # type: ignore[union-attr]  # it is
        assert set(told) == {"address", "payment", "paid"}
        assert "added" in told["address"]
        assert "changed" in told["paid"]
        assert "2 transitions" in table
        assert "is-earlier" in page


async def test_history_tells_what_each_transition_changed_from_what_to_what(site: Site) -> None:
    await site.order()
    await site.send("42", "CHANGE_ADDRESS", address="Am Wall 1, Bremen")

    newest = (await site.page(HOME)).text.partition('id="v3"')[2].partition('id="v2"')[0]

    assert "<del><bdi>Lindenallee 4, Bremen</bdi></del>" in newest
    assert "<ins><bdi>Am Wall 1, Bremen</bdi></ins>" in newest


async def test_a_page_of_history_knows_the_data_from_before_it(site: Site) -> None:
    await site.order()
    for number in range(55):
        await site.send("42", "CHANGE_ADDRESS", address=f"Am Wall {number}, Bremen")

    oldest = (await site.part(f"{HOME}", "history")).text.partition('id="v8"')[2]

    assert "<del><bdi>Am Wall 4, Bremen</bdi></del>" in oldest


async def test_the_history_shows_the_version_looked_at_however_far_back_it_lies(site: Site) -> None:
    await site.order()
    for number in range(80):
        await site.send("42", "CHANGE_ADDRESS", address=f"Am Wall {number}, Bremen")

    page = (await site.page(f"{HOME}?at=3")).text

    assert re.search(r'class="step[^"]*chosen[^"]*" id="v3"', page)


async def test_an_event_is_sent_by_form_and_recorded_for_whom_it_says(site: Site) -> None:
    await site.order()
    form = _form((await site.page(HOME)).text, "PAY")
    sent = {**form, "actor": "anna", "role": "payments", "f.payment": "pay_1", "f.amount": "9900"}

    answer = await site.client.post(HOME, data=sent)
    record = (await site.needs.asking.history(Ref("order", "42"), 2))[0]

    assert answer.status_code == 303
    assert answer.headers["location"] == f"{HOME}#v3"
    assert (record.event, record.actor.id, record.payload["amount"]) == ("PAY", "anna", 9900)


async def test_a_form_sent_twice_is_recorded_once(site: Site) -> None:
    await site.order()
    form = _form((await site.page(HOME)).text, "PAY")
    sent = {**form, "role": "payments", "f.payment": "pay_1", "f.amount": "9900"}

    answers = [await site.client.post(HOME, data=sent) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [303, 303]
    assert (await site.needs.asking.head(Ref("order", "42"))).version == 3  # type: ignore[union-attr]  # it is there


async def test_a_refused_event_says_why_beside_its_form_and_keeps_what_was_typed(site: Site) -> None:
    await site.order()
    form = _form((await site.page(HOME)).text, "PAY")

    answer = await site.client.post(HOME, data={**form, "f.payment": "<b>pay</b>", "f.amount": "9900", "actor": "eve"})

    assert answer.status_code == 403
    assert "refused" in answer.text.partition('aria-label="Send PAY"')[2]
    assert 'value="&lt;b&gt;pay&lt;/b&gt;"' in answer.text
    assert 'value="eve"' in answer.text
    assert (await site.needs.asking.head(Ref("order", "42"))).version == 2  # type: ignore[union-attr]  # it is there


async def test_an_event_meant_for_an_older_version_is_refused_and_the_page_is_as_it_is_now(site: Site) -> None:
    await site.order()
    form = _form((await site.page(HOME)).text, "PAY")
    await site.send("42", "PAY", payment="pay_1", amount=9900)

    answer = await site.client.post(HOME, data={**form, "role": "payments", "f.payment": "x", "f.amount": "9900"})

    assert answer.status_code == 412
    assert 'role="alert"' in answer.text
    assert 'version <b class="num">3</b>' in answer.text


@pytest.mark.parametrize("broken", [{"expected": "x"}, {"command": ""}, {"command": "sw:timer:1"}, {"f.more": "{"}])
async def test_a_form_that_cannot_be_read_sends_nothing(site: Site, broken: dict[str, str]) -> None:
    await site.order()
    form = _form((await site.page(HOME)).text, "CANCEL")

    answer = await site.client.post(HOME, data={**form, **broken})

    assert answer.status_code == 422
    assert (await site.needs.asking.head(Ref("order", "42"))).version == 2  # type: ignore[union-attr]  # it is there


async def test_another_sites_page_cannot_send_an_event(site: Site) -> None:
    await site.order()
    form = _form((await site.page(HOME)).text, "CANCEL")

    answer = await site.client.post(HOME, data=form, headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 403


async def test_in_the_past_nothing_can_be_sent(site: Site) -> None:
    await site.order()

    page = (await site.page(f"{HOME}?at=1")).text

    assert 'name="command"' not in page
    assert "try from here in the simulator" in page


@pytest.mark.parametrize("id", ["it's", "$(reboot)", "`id`", '"; ls', "a b&c=d#e", "-d@x", "{1..9}[a-z]", "ä😀"])
def test_a_curl_command_is_one_command_whatever_stands_in_it(id: str) -> None:
    from statewright_ui.words import address

    words = shlex.split(curl("http://127.0.0.1:8000/", address("api", "entities", id), {"data": id}, If_Match='"3"'))

    assert words[:3] == ["curl", "-X", "POST"]
    assert not re.search(r"[ '\"`$(){}\[\]#&;]", words[3].removeprefix("http://127.0.0.1:8000"))
    assert words[-2] == "-d"
    assert words[-1].startswith("{")
    assert len(words) == 10


async def test_what_the_page_shows_can_be_asked_for_by_curl(site: Site) -> None:
    await site.order()

    page = (await site.page(f"{HOME}?at=1")).text

    for path in ("order/42?version=1", "order/42/transitions", "order/42/allowed"):
        assert f"curl http://statewright.test/api/v1/entities/{path}" in page or f"entities/{path}&#39;" in page
