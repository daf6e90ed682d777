"""Records of every version of the format so far are read, and none is guessed at."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from statewright.machine.record import FORMAT, Record
from statewright.machine.upcasting import CASTS, UnknownFormat, record_of

RECORDS = Path(__file__).parent / "records"
OLD = b'{"format":0,"kind":"order","id":"42","number":3,"state":"open","was":"new","revision":1,"at":17}'


def lines_of(version: int) -> list[bytes]:
    return (RECORDS / f"{version}.ndjson").read_bytes().splitlines()


def from_0_to_1(old: dict[str, Any]) -> dict[str, Any]:
    """Of a format that there never was: it names everything otherwise."""
    names = {"kind": "type", "id": "entity", "number": "version", "at": "recorded_at", "revision": "revision"}
    return {**{names[key]: old[key] for key in names if key in old}, "from": [old["was"]], "to": [old["state"]]}


@pytest.mark.parametrize("version", range(1, FORMAT + 1))
def test_samples_of_every_version_are_kept_and_read(version: int):
    records = [record_of(line) for line in lines_of(version)]

    assert len(records) >= 5
    assert all(record.format == FORMAT and record.type and record.to for record in records)


def test_the_samples_of_this_version_hold_every_field_and_are_written_back_to_the_byte():
    lines = lines_of(FORMAT)
    fields = {field for line in lines for field in msgspec.json.decode(line)}

    names = {info.encode_name for info in msgspec.structs.fields(Record)}
    assert names - fields == {"format", "partition", "position"}, "a field without a sample"
    assert [msgspec.json.encode(record_of(line)) for line in lines] == lines


def test_there_is_a_cast_from_every_version_before_this_one():
    assert set(CASTS) == set(range(1, FORMAT))


def test_an_older_record_is_cast_into_this_version():
    record = record_of(OLD, {0: from_0_to_1})

    assert record == Record(
        type="order", entity="42", version=3, from_=("new",), to=("open",), revision=1, recorded_at=17
    )


def test_a_record_that_is_much_older_is_cast_step_by_step():
    casts = {-1: lambda old: {**old, "was": "new"}, 0: from_0_to_1}
    older = OLD.replace(b'"format":0', b'"format":-1').replace(b'"was":"new",', b"")

    assert record_of(older, casts) == record_of(OLD, casts)


@pytest.mark.parametrize("format", [b"2", b"99", b'"1"', b"true", b"0", b"null"])
def test_a_record_of_another_format_is_refused_with_a_sentence(format: bytes):
    line = lines_of(1)[0].replace(b'"revision"', b'"format":' + format + b',"revision"')

    with pytest.raises(UnknownFormat, match="reads formats up to 1: run the release that wrote it"):
        record_of(line)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b'{"type":1}', b'{"type":"order","to":"open"}', b"\xff"])
def test_what_is_no_record_is_no_record(text: bytes):
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        record_of(text)
