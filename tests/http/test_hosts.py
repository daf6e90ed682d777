"""Which `Host` a request may name, as long as nobody is asked for a key."""

from __future__ import annotations

import pytest

from statewright.http.hosts import Hosts


def knows(*hosts: bytes, named: tuple[str, ...] = ()) -> list[bool]:
    ours = Hosts(named)
    return [ours.knows({"headers": [(b"accept", b"*/*"), (b"host", host)]}) for host in hosts]


def test_this_machine_is_known_by_its_loopback_names() -> None:
    assert all(knows(b"localhost", b"localhost:8000", b"127.0.0.1:8000", b"127.8.0.1", b"[::1]:8000", b"LOCALHOST"))


@pytest.mark.parametrize(
    "host", [b"evil.example", b"localhost.evil.example", b"127.0.0.1.evil.example:80", b"192.168.0.1", b""]
)
def test_any_other_name_is_not_ours(host: bytes) -> None:
    assert knows(host, host) == [False, False]


def test_a_proxy_may_pass_on_names_that_were_allowed() -> None:
    assert knows(b"orders.example:443", b"other.example", named=("Orders.example",)) == [True, False]


def test_who_names_no_host_is_no_browser() -> None:
    assert Hosts().knows({"headers": []})
