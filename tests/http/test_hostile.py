"""Whatever is sent, the answer is a 4xx problem document that names the place; never a 500."""

from __future__ import annotations

import random
from urllib.parse import quote

import httpx

from statewright.http.routes import openapi

from .conftest import LIGHT, Server

JSON = {"Content-Type": "application/json"}
DEEP = b"[" * 100_000 + b"]" * 100_000
BODIES = {
    "nothing": b"",
    "half": b'{"id": "a',
    "not an object": b"[]",
    "deep": b'{"data": {"x": ' + DEEP + b"}}",
    "deep and open": b"[" * 100_000,
    "deep objects": b'{"a":' * 50_000,
    "just too deep": b'{"data": {"x": ' + b"[" * 64 + b"]" * 64 + b"}}",
    "invalid utf-8": b'{"id": "\xff\xfe"}',
    "overlong utf-8": b'{"id": "\xc0\xaf"}',
    "utf-16": '{"id": "a"}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf{}",
    "key twice": b'{"id": "a", "id": "b"}',
    "key twice, escaped": b'{"id": "a", "\\u0069d": "b"}',
    "key twice, deep down": b'{"data": {"x": [{"y": {"z": 1, "z": 1}}]}}',
    "lone surrogate": b'{"id": "\\ud800"}',
    "lone surrogate in data": b'{"data": {"x": "\\udc00"}}',
    "NaN": b'{"data": {"x": NaN}}',
    "Infinity": b'{"data": {"x": -Infinity}}',
    "too large a number": b'{"data": {"x": 1e999}}',
    "too large an integer": b'{"data": {"x": 9007199254740993}}',
    "a thousand digits": b'{"data": {"x": ' + b"9" * 1_000 + b"}}",
    "a hundred thousand digits": b'{"data": {"x": ' + b"9" * 100_000 + b"}}",
    "leading zero": b'{"data": {"x": 01}}',
    "comment": b'{"data": {} /* ? */}',
    "single quotes": b"{'data': {}}",
    "trailing comma": b'{"data": {},}',
    "two values": b"{} {}",
    "control character": b'{"id": "a\x00b"}',
    "unknown field": b'{"dta": {}}',
    "wrong type": b'{"data": []}',
    "wrong time": b'{"occurred_at": "yesterday"}',
    "number as time": b'{"occurred_at": 1700000000}',
}


def is_problem(answer: httpx.Response) -> bool:
    return (
        400 <= answer.status_code < 500
        and answer.headers["Content-Type"] == "application/problem+json"
        and answer.json()["type"].startswith("/problems/")
        and answer.json()["status"] == answer.status_code
        and bool(answer.json()["detail"])
    )


async def test_a_hostile_body_is_malformed_and_the_place_is_named(server: Server) -> None:
    for name, body in BODIES.items():
        for path in ("/api/v1/entities/light", "/api/v1/definitions", "/api/v1/definitions/check"):
            answer = await server.client.post(path, content=body, headers=JSON)
            structural = path != "/api/v1/entities/light" and answer.status_code in (200, 422)

            assert structural or is_problem(answer), (name, path, answer.status_code, answer.text[:300])
            if answer.status_code == 400 and answer.json()["type"] == "/problems/malformed" and "time" not in name:
                assert {"line", "column"} <= answer.json().keys(), (name, path, answer.text[:300])


async def test_no_hostile_body_creates_an_entity(server: Server) -> None:
    for body in BODIES.values():
        await server.client.post("/api/v1/entities/light", content=body, headers=JSON)

    assert (await server.get("/transitions")).json()["items"] == []


async def test_a_body_of_another_media_type_is_415(server: Server) -> None:
    for media in (
        b"",
        b"text/plain",
        b"application/x-www-form-urlencoded",
        b"application/jsonp",
        b"multipart/x",
        b"\xff",
    ):
        for path in ("/api/v1/entities/light", "/api/v1/definitions", "/api/v1/definitions/check"):
            answer = await server.client.post(path, content=b"{}", headers={"Content-Type": media} if media else {})

            assert answer.status_code == 415
            assert answer.json()["supported"] == ["application/json"]


async def test_a_body_beyond_its_limit_is_413(server: Server) -> None:
    for path, size in (("/api/v1/entities/light", 1_000_001), ("/api/v1/definitions", 600_000)):
        answer = await server.client.post(path, content=b'{"x": "' + b"a" * size + b'"}', headers=JSON)

        assert (answer.status_code, answer.json()["type"]) == (413, "/problems/too_large")


async def test_a_body_that_says_nothing_of_its_size_is_bounded_too(server: Server) -> None:
    async def endless() -> object:
        for _ in range(100):
            yield b" " * 50_000

    answer = await server.client.post("/api/v1/entities/light", content=endless(), headers=JSON)  # type: ignore[arg-type]

    assert answer.status_code == 413


IDS = [
    "%FF",
    "%C0%AF",
    "%ED%A0%80",
    "%00",
    "a%0Ab",
    "%20a",
    "a%20",
    "%2E%2E",
    "%2E",
    "a%5Cb",
    "%E2%80%AE",
    "%E2%80%8B",
    "e%CC%81",
    "%F3%A0%80%81",
    "a" * 201,
    "%C3%A9" * 101,
]


async def test_an_id_that_cannot_be_one_is_a_bad_parameter_everywhere(server: Server) -> None:
    for id in IDS:
        for rest in ("", "/transitions", "/transitions/1", "/allowed", "/commands/x"):
            answer = await server.get(f"/entities/light/{id}{rest}")

            assert is_problem(answer), (id, rest, answer.status_code)
            assert answer.json()["type"] == "/problems/bad_parameter", (id, rest, answer.text)


async def test_any_printable_id_can_be_created_and_read(server: Server) -> None:
    for id in (
        "a" * 200,
        "é" * 100,
        "日本",
        "🙂",
        "a b",
        "%",
        "%2F",
        "a?b#c",
        "..a",
        "~",
        "'",
        "transitions",
        "commands",
    ):
        created = await server.post("/entities/light", {"id": id})

        assert created.status_code == 201, id
        assert (await server.client.get(created.headers["Location"])).json()["entity"] == id
        assert (await server.get(f"/entities/light/{quote(id, safe='')}/transitions")).json()["items"][0][
            "entity"
        ] == id


async def test_an_encoded_slash_never_reaches_another_route(server: Server) -> None:
    await server.post("/entities/light", {"id": "1"})
    answer = await server.get("/entities/light/1%2Ftransitions")

    assert is_problem(answer)


QUERIES = [
    "%FF=1",
    "limit=%FF",
    "limit=1&limit=2",
    "limit",
    "=1",
    "&&&",
    "limit=1;2",
    "__class__=x",
    "at=0000-00-00T00:00:00Z",
    "at=9999-12-31T23:59:59-23:59",
    "at=" + "9" * 5_000,
    "place=%00",
    "place=" + "9" * 300,
    "place=-1",
    "version=0",
    "version=" + "9" * 30,
    "version=1e3",
    "after=%F0%9F%99%82",
    "after=" + "9" * 30,
    "after=-1",
    "wait=NaN",
    "wait=-1",
    "wait=1e999",
    "wait=31",
    "basis=now",
    "order=random",
    "min_place=x&wait=0",
    "from=x",
    "to=2001-01-01",
    "format=exe",
    "revision=" + "9" * 30,
    "activate=perhaps",
    "x" * 5_000 + "=1",
    "state=" + "x" * 5_000,
    "type=" + "x" * 5_000,
]


async def test_no_query_makes_a_500(consolidated: Server) -> None:
    names = {"type": "light", "id": "1", "name": "stays", "code": "x", "revision": "1", "version": "1", "command": "x"}
    names |= {"backtest": "1", "view": "1", "job": "1"}
    paths = [path.format(**names) for path, item in openapi()["paths"].items() if "get" in item]
    await consolidated.send("light", "1", "NEXT")
    await consolidated.get("/views/counts?type=light&min_place=1&wait=30")
    for path in paths:
        for query in QUERIES:
            endless = "&after=x" if path.endswith("/stream") else ""
            answer = await consolidated.client.get(f"{path}?{query}{endless}")

            assert answer.status_code < 500 or answer.status_code == 504, (path, query, answer.text)


async def test_a_number_in_a_path_that_is_none_is_a_4xx(server: Server) -> None:
    await server.send("light", "1", "NEXT")
    for number in ("0", "-1", "9" * 30, "9" * 5_000, "1.5", "x", "%D9%A3"):
        backtest = f"/definitions/light/revisions/1/backtests/{number}"
        for path in (f"/definitions/light/revisions/{number}", f"/entities/light/1/transitions/{number}", backtest):
            assert is_problem(await server.get(path)), path


HEADERS = [
    ("Accept", b"\xff"),
    ("Accept", b"q=inf;q=nan,;;;,*/*;q=x"),
    ("Accept", b"," * 1_000),
    ("If-None-Match", b"\xff"),
    ("If-None-Match", b'"' * 1_000),
    ("Last-Event-ID", b"\xff"),
    ("Idempotency-Key", b"\xff"),
    ("Idempotency-Key", b'"'),
    ("Idempotency-Key", b"k" * 300),
    ("Idempotency-Key", b"sw:mine"),
    ("Authorization", b"\xff Bearer"),
    ("Content-Length", b"-1"),
    ("Content-Length", b"x"),
    ("Content-Type", b"application/json; charset=\xff"),
    ("Content-Type", b"application/json; charset=utf-16"),
    ("Cookie", b"\xff=\xff; ;;"),
    ("Host", b"\xff"),
]


async def test_no_header_makes_a_500(server: Server) -> None:
    for name, value in HEADERS:
        for path in ("/entities/light/1", "/transitions", "/definitions"):
            answer = await server.client.get(f"/api/v1{path}", headers={name: value})
            assert answer.status_code < 500, (name, value, path, answer.text)
        for path, body in (("/entities/light", b"{}"), ("/definitions", LIGHT)):
            answer = await server.client.post(f"/api/v1{path}", content=body, headers={**JSON, name: value})
            assert answer.status_code < 500, (name, value, path, answer.text)


async def test_a_body_broken_anywhere_never_makes_a_500(server: Server) -> None:
    """The good document with bytes changed, cut out and put in, a few hundred times over."""
    chance = random.Random(20)
    creation = b'{"id": "a", "data": {"x": [1, 2.5, "z"], "y": {"n": null}}, "occurred_at": "2001-01-01T00:00:00Z"}'
    for round in range(300):
        path, text = ("/definitions/check", LIGHT) if round % 2 else ("/entities/light", creation)
        broken = bytearray(text)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(broken))
            broken[at : at + chance.randint(0, 2)] = bytes(
                chance.choice(b'"{}[],:\\u0\xff9eE-.tfn\x00') for _ in range(2)
            )
        answer = await server.client.post(f"/api/v1{path}", content=bytes(broken), headers=JSON)

        assert answer.status_code < 500, (path, bytes(broken), answer.text)
        assert answer.status_code < 300 or is_problem(answer)
