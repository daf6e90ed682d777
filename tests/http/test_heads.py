"""HEAD through a real server: what GET would say, without a body."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from tests.browser.running import address_of


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("heads")
    command = [sys.executable, "-m", "statewright", "demo", "--port", "0", "--entities", "3", "--days", "3"]
    process = subprocess.Popen(
        [*command, "--single-process", "--data", str(folder)], stderr=subprocess.PIPE, text=True, env=os.environ.copy()
    )
    try:
        yield address_of(process)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)
        assert process.stderr is not None
        process.stderr.close()


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/entities",
        "/definitions/order",
        "/entities/order/nobody",
        "/nothing-here",
        "/health/live",
        "/metrics",
        "/problems/guard_refused",
        "/api/docs",
        "/api/v1/openapi.json",
        "/api/v1/definitions/order",
        "/api/v1/definitions/order/diagram",
        "/api/v1/entities",
        "/api/v1/entities/order/nobody",
        "/api/v1/transitions?limit=3",
        "/api/v1/transitions?nonsense=1",
    ],
)
def test_head_answers_like_get_without_a_body(base: str, path: str) -> None:
    with httpx.Client(base_url=base, timeout=60) as client:
        got, head = client.get(path), client.head(path)
        again = client.get("/health/live")  # on the same connection: nothing was left in it

    assert head.status_code == got.status_code
    assert head.content == b""
    assert head.headers["content-type"] == got.headers["content-type"]
    assert set(head.headers) == set(got.headers)
    assert again.status_code == 200


@pytest.mark.parametrize("path", ["/api/v1/transitions/stream", "/live?type=order"])
def test_head_of_a_stream_ends(base: str, path: str) -> None:
    with httpx.Client(base_url=base, timeout=60) as client:
        head = client.head(path)
        again = client.get("/health/live")

    assert head.status_code == 200
    assert head.headers["content-type"].startswith("text/event-stream")
    assert again.status_code == 200


def test_a_call_that_only_takes_posts_says_so_to_head_too(base: str) -> None:
    head = httpx.head(f"{base}/api/v1/commands", timeout=60)

    assert head.status_code == 405
    assert head.headers["allow"] == "POST"


def test_what_takes_get_is_said_to_take_head(base: str) -> None:
    answer = httpx.put(f"{base}/api/v1/entities/order/1", timeout=60)

    assert answer.status_code == 405
    assert "HEAD" in answer.headers["allow"].split(", ")
