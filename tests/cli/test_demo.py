"""What `statewright demo` fills an installation with, and when it leaves it alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner

from statewright.cli import main
from statewright.cli.bundled import bundled_definitions
from statewright.cli.demo import fill
from statewright.cli.embedded import embedded
from statewright.settings import Settings


async def asked(settings: Settings, path: str) -> Any:
    async with embedded(settings) as server, server.get(path) as answer:
        return msgspec.json.decode(await answer.text())


@pytest.fixture
async def settings(tmp_path: Path) -> Settings:
    settings = Settings(data=tmp_path / "data")
    await fill(settings, bundled_definitions(), entities=12, days=30, seed=1)
    return settings


async def test_an_empty_folder_is_filled_with_lives_of_every_type(settings: Settings):
    definitions = await asked(settings, "/definitions")
    transitions = await asked(settings, "/transitions?limit=10000")

    bundled = ["order", "permit", "shipment", "subscription", "support_ticket"]
    assert [entry["type"] for entry in definitions["items"]] == bundled
    assert all(entry["active"] == 1 for entry in definitions["items"])
    entities = {(transition["type"], transition["entity"]) for transition in transitions["items"]}
    assert len(entities) == 5 * 12


async def test_what_was_due_in_the_past_has_fired_at_its_time_and_the_rest_is_still_to_come(tmp_path: Path):
    settings = Settings(data=tmp_path / "data")
    await fill(settings, bundled_definitions(), entities=40, days=40, seed=1)

    records = (await asked(settings, "/transitions?limit=10000"))["items"]

    fired = [record for record in records if record["kind"] == "timer"]
    assert fired
    assert all(record["actor"]["id"] == "statewright:timer" for record in fired)
    assert [record["recorded_at"] for record in records] == sorted(record["recorded_at"] for record in records)
    assert records[0]["recorded_at"][:10] < records[-1]["recorded_at"][:10]


async def test_shipments_name_orders_that_are_there(settings: Settings):
    transitions = (await asked(settings, "/transitions?limit=10000"))["items"]

    orders = {each["entity"] for each in transitions if each["type"] == "order"}
    named = {each["changes"]["order_no"] for each in transitions if each["type"] == "shipment" and each["version"] == 1}
    assert named
    assert named <= orders


async def test_some_events_are_refused_as_in_life(settings: Settings):
    refusals = await asked(settings, "/refusals")

    assert refusals["items"]


async def test_a_folder_with_a_log_is_left_alone(settings: Settings):
    before = await asked(settings, "/transitions?limit=10000")
    await fill(settings, bundled_definitions(), entities=12, days=30, seed=2)

    assert await asked(settings, "/transitions?limit=10000") == before


def test_a_live_demo_needs_to_know_its_port(tmp_path: Path):
    result = CliRunner().invoke(main, ["demo", "--live", "--port", "0", "--data", str(tmp_path)])

    assert result.exit_code == 2
    assert "--port" in result.stderr
