"""The page of metrics: what it shows of whole types, of periods and revisions, and what it says when it cannot."""

from __future__ import annotations

import html
import re
from datetime import date

import pytest

from statewright.views import Span, Throughput
from statewright_ui.metrics.bars import chart_of
from statewright_ui.metrics.chosen import chosen
from tests.pages.conftest import Site


def text_of(page: str) -> str:
    """What a reader sees in the page's own part."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.partition('id="metrics"')[2])).split())[:3000]


async def test_the_page_shows_paths_funnel_and_dwell_of_a_type(site: Site) -> None:
    await site.order("42")
    await site.order("43")
    await site.send("43", "CANCEL", reason="changed my mind")
    await site.consolidate()

    answer = await site.page("/metrics/order")

    assert answer.status_code == 200
    seen = text_of(answer.text)
    assert "began 2 ended 1" in seen
    assert "SUBMIT CANCEL 1 50.0 %" in seen
    assert "Awaiting payment" in seen
    assert "/api/v1/views/variants?type=order&amp;format=csv" in answer.text


async def test_two_periods_stand_side_by_side(site: Site) -> None:
    await site.order()
    await site.consolidate()

    answer = await site.page("/metrics/order?compare=1&b_from=2001-01-01&b_to=2001-01-31")

    seen = text_of(answer.text)
    assert "A all time; B 1 Jan 2001 to 31 Jan 2001" in seen
    assert "b_from" in answer.text
    assert "from=2001-01-01T00%3A00%3A00Z&amp;to=2001-02-01T00%3A00%3A00Z" in answer.text


async def test_a_period_in_which_nothing_happened_says_so_and_leads_back(site: Site) -> None:
    await site.order()
    await site.consolidate()

    answer = await site.page("/metrics/order?from=2001-01-01&to=2001-01-31")

    assert answer.status_code == 200
    assert "Nothing to measure here yet" in answer.text
    assert 'href="/metrics/order"' in answer.text


async def test_before_the_views_are_built_the_page_says_to_come_back(bare: Site) -> None:
    bare.needs.catalog.register(b'{"id": "lamp", "initial": "off", "states": {"off": {}}}', activate=True)

    answer = await bare.page("/metrics/lamp")

    assert answer.status_code == 503
    assert "is being built" in answer.text


async def test_a_type_that_nobody_registered_is_not_found(site: Site) -> None:
    assert (await site.page("/metrics/lamp")).status_code == 404


async def test_every_type_has_a_way_to_its_metrics(site: Site) -> None:
    assert 'href="/metrics/order"' in (await site.page("/metrics-by-type")).text
    assert 'href="/metrics/order"' in (await site.page("/definitions/order")).text


async def test_the_part_that_moves_comes_alone(site: Site) -> None:
    await site.order()
    await site.consolidate()

    answer = await site.part("/metrics/order", "metrics")

    assert "<html" not in answer.text
    assert answer.text.lstrip().startswith('<div id="metrics"')


@pytest.mark.parametrize(
    "query", ["from=soon", "revision=x", "revision=" + "9" * 30, "from=2026-02-31", "to=9999-12-31"]
)
async def test_an_address_that_cannot_be_understood_still_shows_what_it_can(site: Site, query: str) -> None:
    await site.order()
    await site.consolidate()

    assert (await site.page(f"/metrics/order?{query}")).status_code == 200


def test_the_days_before_are_as_many_as_those_looked_at() -> None:
    before = chosen({"from": "2026-03-01", "to": "2026-03-31"}).before()

    assert before is not None
    assert (before["b_from"], before["b_to"]) == (date(2026, 1, 29), date(2026, 2, 28))


def test_a_period_the_wrong_way_round_is_turned_and_said() -> None:
    choice = chosen({"from": "2026-03-31", "to": "2026-03-01"})

    assert choice.sides[0].first == date(2026, 3, 1)
    assert "other way round" in choice.faults[0]


def test_bars_are_as_high_as_their_share_of_the_greatest() -> None:
    spans = [Span(0, 4, 1), Span(86_400_000_000, 0, 8)]
    chart = chart_of(Throughput("order", "9", "day", 4, 9, None, spans))

    assert [(bar.begun_high, bar.ended_high) for bar in chart.bars] == [(50.0, 12.5), (0.0, 100.0)]
    assert chart.bars[1].words == "2 Jan 1970"
