"""Personal data in a running installation: in no file of it, readable while there is a key, gone when erased."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp

from tests.acceptance.serving import Serving, get, register

CUSTOMER = {
    "id": "customer",
    "creation": "implicit",
    "initial": "known",
    "keep": "*",
    "schemas": {
        "context": {
            "required": ["email"],
            "properties": {
                "email": {"type": "string", "format": "email", "personal": True},
                "age": {"type": "integer", "personal": True},
                "orders": {"type": "integer"},
            },
        },
        "events": {
            "TELL": {
                "properties": {
                    "email": {"type": "string", "personal": True},
                    "age": {"type": "integer", "personal": True},
                    "orders": {"type": "integer"},
                }
            }
        },
    },
    "states": {"known": {"on": {"TELL": {"target": "known"}, "LEAVE": "gone"}}, "gone": {"type": "final"}},
}
WRITTEN = (b"anna@example.org", b"ANNA-NUMBER", b"4711")


def statewright(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "statewright", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def master_key(folder: Path) -> Path:
    file = folder / "master.key"
    made = statewright("keys", "new")
    assert made.returncode == 0, made.stderr
    file.write_text(made.stdout)
    return file


async def tell(session: aiohttp.ClientSession, **data: Any) -> dict[str, Any]:
    async with session.post(
        "/api/v1/entities/customer/anna/transitions", json={"event": "TELL", "data": data}
    ) as answer:
        found: dict[str, Any] = await answer.json()
        assert answer.status == 201, found
        return found


async def erase(session: aiohttp.ClientSession, entity: str = "anna") -> tuple[int, dict[str, Any]]:
    async with session.post(f"/api/v1/entities/customer/{entity}/erase") as answer:
        return answer.status, await answer.json()


async def in_view(session: aiohttp.ClientSession, place: str) -> dict[str, Any]:
    page = await get(session, f"/api/v1/entities/customer?min_place={place}&wait=30")
    found: dict[str, Any] = page["items"][0]["data"]
    return found


def files_of(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())


async def test_what_is_personal_is_in_no_file_and_ends_with_its_key(tmp_path: Path):
    data, options = tmp_path / "data", ("--master-key-file", str(master_key(tmp_path)))
    with Serving(data, *options) as serving:
        async with aiohttp.ClientSession(serving.url) as session:
            await register(session, json.dumps(CUSTOMER).encode())
            told = await tell(session, email="anna@example.org", age=4711, orders=3)
            assert told["changes"] == {"email": "anna@example.org", "age": 4711, "orders": 3}
            assert (await in_view(session, "1"))["email"] == "anna@example.org"
            async with session.post(
                "/api/v1/entities/customer/anna/transitions", json={"event": "TELL", "data": {"email": 7}}
            ) as refused:
                assert refused.status == 422
        async with (
            aiohttp.ClientSession(serving.url) as session,
            session.get("/definitions/customer/simulate?entity=anna") as page,
        ):
            assert page.status == 200
            assert "anna@example.org" not in await page.text()
        assert serving.stop() == 0
    files = files_of(data)
    assert not any(text in files for text in WRITTEN[:2])

    assert "--master-key-file" in statewright("serve", "--data", str(data), "--port", "0").stderr
    with Serving(data, *options) as serving:
        async with aiohttp.ClientSession(serving.url) as session:
            before = await get(session, "/api/v1/entities/customer/anna")
            status, erased = await erase(session)
            again = await erase(session)
            after = await get(session, "/api/v1/entities/customer/anna")
            history = await get(session, "/api/v1/entities/customer/anna/transitions")
            viewed = await in_view(session, str(erased["position"]))
            later = await tell(session, orders=4)

            assert before["data"] == {"email": "anna@example.org", "age": 4711, "orders": 3}
            assert (status, erased["version"], sorted(erased["removed"])) == (200, 2, ["age", "email"])
            assert again == (200, erased)
            assert after["data"] == viewed == {"orders": 3}
            assert "anna@example.org" not in json.dumps(history)
            assert [item["kind"] for item in history["items"]] == ["event", "erased"]
            assert later["version"] == 3

            assert (await erase(session, "nobody"))[0] == 404
            done = statewright("erase", "customer", "anna", "--server", serving.url)
            assert "erased at version 2" in done.stdout
            async with session.get("/entities/customer/anna") as page:
                assert page.status == 200
                assert "anna@example.org" not in await page.text()
            assert (await tell(session, email="new@example.org"))["changes"] == {"email": "new@example.org"}


async def test_an_erasure_that_an_end_of_the_server_cut_short_is_finished(tmp_path: Path):
    data, options = tmp_path / "data", ("--master-key-file", str(master_key(tmp_path)))
    with Serving(data, *options) as serving:
        async with aiohttp.ClientSession(serving.url) as session:
            await register(session, json.dumps(CUSTOMER).encode())
            for number in range(20):
                async with session.post(
                    f"/api/v1/entities/customer/c-{number}/transitions",
                    json={"event": "TELL", "data": {"email": f"c-{number}@example.org"}},
                ) as answer:
                    assert answer.status == 201
            asked = [asyncio.create_task(erase(session, f"c-{number}")) for number in range(20)]
            await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
            serving.kill()
            answers = await asyncio.gather(*asked, return_exceptions=True)
    told = [number for number, answer in enumerate(answers) if isinstance(answer, tuple) and answer[0] == 200]

    with Serving(data, *options) as serving:
        async with aiohttp.ClientSession(serving.url) as session:
            for number in range(20):
                history = await get(session, f"/api/v1/entities/customer/c-{number}/transitions")
                erased = len(history["items"]) == 2
                assert erased or number not in told
                if not erased:
                    assert (await erase(session, f"c-{number}"))[0] == 200
                assert (await get(session, f"/api/v1/entities/customer/c-{number}"))["data"] == {}
        assert serving.stop() == 0
    assert told


async def test_a_server_without_a_master_key_takes_no_personal_data_and_erases_none(tmp_path: Path):
    with Serving(tmp_path / "data") as serving:
        async with aiohttp.ClientSession(serving.url) as session:
            async with session.post("/api/v1/definitions?activate=true", json=CUSTOMER) as answer:
                said = await answer.text()
                assert answer.status == 422, said
            assert "--master-key-file" in said
