"""Any entity has a subject of its own that NATS takes, and a stream that stays."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nats.aio.client import _validate_subject

from statewright.stores.words import Ref
from statewright.testkit.store.writing import command, move, record
from statewright_nats import open_store
from statewright_nats.naming import partition_of, subject_of
from tests.plugins.nats.cluster import Cluster

STRANGE = [
    "a.b",
    "a b",
    "*",
    ">",
    "a.>",
    "~",
    "~A",
    "",
    " ",
    "\t",
    "\r\n",
    "\x00",
    "ä",
    "日本",
    "🧾",
    "x" * 300,
    "é",
    "e\u0301",
    "A",
    "a",
]


def test_a_plain_id_can_be_read_in_its_subject():
    assert subject_of("orders", Ref("order", "42-a_B")) == "orders.order.42-a_B"


@given(st.text(), st.text())
def test_a_subject_has_three_words_of_plain_letters(kind: str, id: str):
    subject = subject_of("log", Ref(kind, id))

    _validate_subject(subject)
    assert subject.isascii()
    assert len(subject.split(".")) == 3
    assert len(subject) < 150


@given(st.tuples(st.text(), st.text()), st.tuples(st.text(), st.text()))
def test_two_entities_have_two_subjects(one: tuple[str, str], other: tuple[str, str]):
    assert (subject_of("log", Ref(*one)) == subject_of("log", Ref(*other))) == (one == other)


async def test_entities_of_any_name_live_side_by_side(cluster: Cluster, tmp_path: Path, log_name: str):
    store = await open_store(cluster.url(log_name), data=tmp_path)
    refs = [Ref("lamp", id) for id in STRANGE]
    await record(store, *(command(f"c-{number}", move(ref, None)) for number, ref in enumerate(refs)))
    heads = await store.heads(refs)
    await store.close()

    assert [head and head.version for head in heads] == [1] * len(refs)


@pytest.mark.parametrize(("ref", "of_eight"), [(("order", "42"), 2), (("order", "43"), 4), (("lamp", "日本"), 3)])
def test_an_entitys_stream_never_changes(ref: tuple[str, str], of_eight: int):
    assert partition_of(Ref(*ref), 8) == of_eight


def test_entities_spread_evenly():
    counts = [0] * 4
    for number in range(4_000):
        counts[partition_of(Ref("order", str(number)), 4)] += 1

    assert all(900 < count < 1_100 for count in counts)
