"""Real event logs kept in NATS are decided and shown as an independent replay found: in one stream and in several."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import aiohttp
import pytest

from tests.acceptance.serving import Serving
from tests.acceptance.test_logs import latest_place, replay, views_agree
from tests.plugins.nats.cluster import Cluster
from tests.views.incidents import oracle_of
from tests.views.test_oracle import LOGS

EVERY = os.environ.get("STATEWRIGHT_NATS_EVERY_LOG") == "1"
"""Whether all logs are replayed, in one stream too, or the smallest over several, where the most can differ."""


@pytest.mark.parametrize(
    ("log", "name"), LOGS if EVERY else LOGS[:1], ids=[name for _, name in LOGS[: len(LOGS) if EVERY else 1]]
)
@pytest.mark.parametrize("streams", [1, 3] if EVERY else [3])
async def test_a_log_kept_in_nats_is_decided_and_shown_as_the_oracle_says(
    logs: Path, tmp_path: Path, cluster: Cluster, log_name: str, log: str, name: str, streams: int
):
    decisions = tmp_path / "decisions"
    with Serving(tmp_path / "data", "--store", cluster.url(log_name, streams=streams)) as serving:
        replay(serving.url, logs / f"{log}.ndjson.gz", sorted((logs / "definitions").glob(f"{name}.*.json")), decisions)
        async with aiohttp.ClientSession(serving.url) as session:
            place = await latest_place(session)
            for type, expected in oracle_of(logs, name).items():
                await views_agree(session, type, expected, f"min_place={place}&wait=30")
        assert serving.stop() == 0

    assert decisions.read_bytes() == gzip.decompress((logs / "oracle" / f"{name}.decisions.gz").read_bytes())
