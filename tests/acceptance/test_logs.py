"""Real event logs through the front door: every line decided, and every view shown, as an independent replay found."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.acceptance.serving import Serving, get
from tests.views.incidents import oracle_of
from tests.views.test_oracle import LOGS, product, without_new


@pytest.mark.parametrize(("log", "name"), LOGS, ids=[name for _, name in LOGS])
async def test_a_log_posted_to_a_server_is_decided_and_shown_as_the_oracle_says(
    logs: Path, tmp_path: Path, log: str, name: str
):
    decisions = tmp_path / "decisions"
    with Serving(tmp_path / "data") as serving:
        replay(serving.url, logs / f"{log}.ndjson.gz", sorted((logs / "definitions").glob(f"{name}.*.json")), decisions)
        async with aiohttp.ClientSession(serving.url) as session:
            place = await latest_place(session)
            for type, expected in oracle_of(logs, name).items():
                await views_agree(session, type, expected, f"min_place={place}&wait=30")
        assert serving.stop() == 0

    assert decisions.read_bytes() == gzip.decompress((logs / "oracle" / f"{name}.decisions.gz").read_bytes())


async def test_a_log_decided_in_regions_is_decided_and_shown_as_the_oracle_says(logs: Path, tmp_path: Path):
    decisions = tmp_path / "decisions"
    definitions = sorted((logs / "definitions").glob("receipt.v2_parallel.*.json"))
    with Serving(tmp_path / "data") as serving:
        replay(serving.url, logs / "receipt.ndjson.gz", definitions, decisions)
        async with aiohttp.ClientSession(serving.url) as session:
            place = await latest_place(session)
            for type, expected in oracle_of(logs, "receipt.v2").items():
                await configurations_agree(session, type, expected, f"min_place={place}&wait=30")
        assert serving.stop() == 0

    assert decisions.read_bytes() == gzip.decompress((logs / "oracle" / "receipt.v2.decisions.gz").read_bytes())


async def configurations_agree(
    session: aiohttp.ClientSession, type: str, expected: dict[str, Any], reached: str
) -> None:
    """The replay named the configurations of two regions as products of their leaves' names."""
    counts = await get(session, f"/api/v1/views/counts?type={type}&{reached}")
    found = {product(one["state"]): one["count"] for one in counts["configurations"]}
    assert found == without_new(expected["final_state_distribution"])
    flow = await get(session, f"/api/v1/views/flow?type={type}&{reached}")
    taken = {(product(one["from"]), one["event"], product(one["to"])): one["count"] for one in flow["transitions"]}
    assert taken == {tuple(one[:3]): one[3] for one in expected["transitions"]}
    assert sum(refusal["count"] for refusal in flow["refusals"]) == expected["rejected"]


def replay(url: str, log: Path, definitions: list[Path], decisions: Path) -> None:
    command = [sys.executable, "-m", "statewright", "replay", str(log), "--server", url, "--decisions", str(decisions)]
    for definition in definitions:
        command += ["--definition", str(definition)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode in (0, 1), done.stderr


async def latest_place(session: aiohttp.ClientSession) -> str:
    place = "0"
    while (page := await get(session, f"/api/v1/transitions?after={place}&limit=10000"))["items"]:
        place = page["next"]
    return place


async def views_agree(session: aiohttp.ClientSession, type: str, expected: dict[str, Any], reached: str) -> None:
    counts = await get(session, f"/api/v1/views/counts?type={type}&{reached}")
    assert counts["states"] == without_new(expected["final_state_distribution"])
    for cut, states in expected["state_at"].items():
        at = await get(session, f"/api/v1/views/counts?type={type}&at={cut}&basis=occurred&{reached}")
        assert at["states"] == without_new(states["distribution"])
    stays = await get(session, f"/api/v1/views/stays?type={type}&{reached}")
    shown = {item["state"]: (item["ended"], item["seconds"]) for item in stays["items"] if item["seconds"]}
    assert {state: figures(ended, seconds) for state, (ended, seconds) in shown.items()} == {
        state: figures(found["n"], {**found, "longest": found["max"]})
        for state, found in expected["dwell_seconds"].items()
    }
    flow = await get(session, f"/api/v1/views/flow?type={type}&{reached}")
    taken = {(arrow["from"], arrow["event"], arrow["to"]): arrow["count"] for arrow in flow["transitions"]}
    assert taken == {tuple(found[:3]): found[3] for found in expected["transitions"]}
    refused = sum(refusal["count"] for refusal in flow["refusals"])
    assert refused == expected.get("rejected", expected["events"] - expected["accepted"])


def figures(ended: int, seconds: dict[str, float]) -> tuple[float, ...]:
    """To the millisecond: the independent replay subtracted floating-point times."""
    return ended, *(round(seconds[key], 3) for key in ("p50", "p90", "p95", "p99", "mean", "longest"))
