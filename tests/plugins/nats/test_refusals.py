"""A cluster or a stream in which what was acknowledged could be lost is refused, with what to do."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nats
import pytest

from statewright.stores.words import StoreRefused, StoreUnavailable
from statewright_nats import open_store
from statewright_nats.address import Address
from statewright_nats.streams import faults_of
from tests.plugins.nats.between import Between
from tests.plugins.nats.cluster import Cluster, binary


@pytest.fixture(scope="module")
def lonely(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One server, which syncs when it finds the time."""
    if binary() is None:
        pytest.skip("there is no nats-server: install the development tools")
    with Cluster(tmp_path_factory.mktemp("lonely"), size=1, sync="2m") as running:
        yield running


async def test_a_server_that_acknowledges_before_it_syncs_is_refused(lonely: Cluster, tmp_path: Path):
    with pytest.raises(StoreRefused, match=r"n0 acknowledges before it syncs.*sync_interval: always"):
        await open_store(lonely.url("log", replicas=1), data=tmp_path)
    with pytest.raises(StoreRefused, match="acknowledges before it syncs"):
        await open_store(lonely.url("log", replicas=1, sync="always"), data=tmp_path)


async def test_where_syncing_cannot_be_seen_somebody_must_answer_for_it(lonely: Cluster, tmp_path: Path):
    with pytest.raises(StoreRefused, match=r"monitor=.*sync=always"):
        await open_store(lonely.url("log", replicas=1, monitor=None), data=tmp_path)

    store = await open_store(lonely.url("log", replicas=1, monitor=None, sync="always"), data=tmp_path)
    await store.close()


async def test_a_server_that_is_not_shown_must_be_answered_for(cluster: Cluster, tmp_path: Path, log_name: str):
    first = cluster.monitors.split(",")[0]
    with pytest.raises(StoreRefused, match=r"shows nothing of n1, n2"):
        await open_store(cluster.url(log_name, monitor=first), data=tmp_path)


async def test_a_log_on_one_server_must_be_asked_for(lonely: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("statewright_nats.streams._PATIENCE_S", 1.0)
    answered_for = {"monitor": None, "sync": "always"}
    with pytest.raises(StoreRefused, match="replicas"):
        await open_store(lonely.url("three", **answered_for), data=tmp_path)
    store = await open_store(lonely.url("one", replicas=1, **answered_for), data=tmp_path)
    await store.close()
    with pytest.raises(StoreRefused, match=r"1 of 3 replicas.*replicas=1"):
        await open_store(lonely.url("one", **answered_for), data=tmp_path)


async def test_an_old_server_is_refused(cluster: Cluster, tmp_path: Path, log_name: str):
    def aged(said: bytes) -> bytes:
        return said.replace(b'"version":"2.', b'"version":"1.')

    async with Between(cluster.ports["n0"], aged) as old:
        with pytest.raises(StoreRefused, match=r"NATS 1\.\d+\.\d+, and a log needs 2\.12\.1 or later"):
            await open_store(old.url(log_name, "sync=always"), data=tmp_path)


async def test_an_old_server_beside_the_one_we_see_is_refused(cluster: Cluster, tmp_path: Path, log_name: str):
    def aged(said: bytes) -> bytes:
        return said.replace(b'"ver":"2.', b'"ver":"1.') if b'"name":"n2"' in said else said

    async with Between(cluster.ports["n0"], aged) as old:
        with pytest.raises(StoreRefused, match=r"the server n\d is NATS 1\."):
            await open_store(old.url(log_name, "sync=always"), data=tmp_path)


async def test_where_nobody_answers_the_log_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("statewright_nats.link._CONNECT_S", 1.0)
    with pytest.raises(StoreUnavailable, match="no server"):
        await open_store("nats://127.0.0.1:1/log?sync=always", data=tmp_path)


async def test_a_stream_that_was_made_unsafe_meanwhile_is_refused(cluster: Cluster, tmp_path: Path, log_name: str):
    store = await open_store(cluster.url(log_name), data=tmp_path)
    await store.close()
    await _reconfigured(cluster, log_name, max_age=3_600_000_000_000, discard="old")

    with pytest.raises(StoreRefused, match=r"`discard` must be new.*`max_age` must be 0"):
        await open_store(cluster.url(log_name), data=tmp_path)


async def test_a_stream_of_somebody_else_is_refused(cluster: Cluster, tmp_path: Path, log_name: str):
    client = await nats.connect(f"nats://127.0.0.1:{cluster.ports['n0']}")
    await client.jetstream().add_stream(name=log_name, subjects=[f"{log_name}.>"])
    await client.close()

    with pytest.raises(StoreRefused, match="made for something else"):
        await open_store(cluster.url(log_name), data=tmp_path)


async def test_the_number_of_streams_stays(cluster: Cluster, tmp_path: Path, log_name: str):
    spread = await open_store(cluster.url(log_name, streams=2), data=tmp_path)
    await spread.close()

    for other in (1, 3):
        with pytest.raises(StoreRefused, match="made with 2 streams"):
            await open_store(cluster.url(log_name, streams=other), data=tmp_path)


async def test_who_only_reads_makes_no_log(cluster: Cluster, tmp_path: Path, log_name: str):
    with pytest.raises(StoreUnavailable, match=f"no stream {log_name}"):
        await open_store(cluster.url(log_name), data=tmp_path, read_only=True)


async def _reconfigured(cluster: Cluster, stream: str, **changes: Any) -> None:
    client = await nats.connect(f"nats://127.0.0.1:{cluster.ports['n0']}")
    info = json.loads((await client.request(f"$JS.API.STREAM.INFO.{stream}", b"", 5)).data)
    body = json.dumps({**info["config"], **changes}).encode()
    answer = json.loads((await client.request(f"$JS.API.STREAM.UPDATE.{stream}", body, 5)).data)
    assert "error" not in answer, answer
    await client.close()


SAFE: dict[str, Any] = {
    "subjects": ["log.>"],
    "storage": "file",
    "retention": "limits",
    "discard": "new",
    "num_replicas": 3,
    "deny_delete": True,
    "deny_purge": True,
    "allow_atomic": True,
    "allow_direct": True,
    "duplicate_window": 300_000_000_000,
    "metadata": {
        "statewright_log": "1",
        "statewright_partition": "0",
        "statewright_partitions": "1",
        "statewright_format": "1",
    },
}


def test_a_stream_as_we_make_it_is_safe():
    assert faults_of(SAFE, Address(servers=(), name="log"), "log", 0) == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("storage", "memory"),
        ("retention", "workqueue"),
        ("retention", "interest"),
        ("discard", "old"),
        ("max_age", 1),
        ("max_msgs_per_subject", 100),
        ("subjects", ["log.>", "other"]),
        ("max_msg_size", 1_000),
        ("num_replicas", 1),
        ("deny_delete", False),
        ("deny_purge", False),
        ("allow_atomic", False),
        ("allow_direct", False),
        ("allow_rollup_hdrs", True),
        ("allow_msg_ttl", True),
        ("no_ack", True),
        ("sealed", True),
        ("persist_mode", "async"),
        ("mirror", {"name": "other"}),
        ("sources", [{"name": "other"}]),
        ("duplicate_window", 0),
    ],
)
def test_a_stream_that_could_lose_something_is_told_of_by_name(key: str, value: Any):
    faults = faults_of({**SAFE, key: value}, Address(servers=(), name="log"), "log", 0)

    assert len(faults) == 1, faults


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nats:///log", "nats://HOST:4222/NAME"),
        ("nats://here/a.b", "cannot name a stream"),
        ("nats://here/a/b", "cannot name a stream"),
        ("nats://here/log?replicas=2", "no safer"),
        ("nats://here/log?replicas=many", "a number from 1 to 5"),
        ("nats://here/log?streams=0", "a number from 1 to 64"),
        ("nats://here/log?streams=65", "a number from 1 to 64"),
        ("nats://here/log?sync=2m", "can lose what it acknowledged"),
        ("nats://here/log?monitor=ftp://there", "http://HOST:8222"),
        ("nats://here/log?colour=red", "`colour` is no setting"),
        ("nats://here,,there/log", "is no host"),
    ],
)
def test_a_url_that_cannot_be_one_is_refused(url: str, said: str):
    with pytest.raises(StoreRefused, match=said):
        Address.of(url)


def test_a_password_stands_in_no_refusal():
    with pytest.raises(StoreRefused) as refused:
        Address.of("nats://anna:secret@here/log?replicas=2")

    assert "secret" not in str(refused.value)


def test_every_host_of_a_url_is_tried_with_its_credentials():
    address = Address.of("tls://anna:secret@one,two:4333,[::1]:9/orders?streams=4")

    assert address.servers == (
        "tls://anna:secret@one:4222",
        "tls://anna:secret@two:4333",
        "tls://anna:secret@[::1]:9",
    )
    assert (address.name, address.streams, address.replicas) == ("orders", 4, 3)
