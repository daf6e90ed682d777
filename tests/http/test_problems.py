from __future__ import annotations

import pytest

from statewright.http.docs import POLICY
from statewright.http.problems import TABLE, problem
from statewright.machine.decide import Why

from .conftest import Server

STATUSES = {
    "malformed": 400,
    "bad_parameter": 400,
    "unauthenticated": 401,
    "forbidden": 403,
    "not_allowed": 403,
    "unknown_type": 404,
    "unknown_entity": 404,
    "not_found": 404,
    "too_slow": 408,
    "not_in_this_state": 409,
    "guard_refused": 409,
    "final": 409,
    "entity_exists": 409,
    "erased": 410,
    "version_conflict": 412,
    "too_large": 413,
    "unsupported_media_type": 415,
    "unknown_event": 422,
    "invalid_payload": 422,
    "invalid_data": 422,
    "invalid_definition": 422,
    "guard_error": 422,
    "unstable": 422,
    "write_conflict": 422,
    "id_reused": 422,
    "in_the_future": 422,
    "spans_partitions": 422,
    "too_many": 422,
    "too_many_requests": 429,
    "overloaded": 503,
    "store_unavailable": 503,
    "outcome_unknown": 503,
    "not_there_yet": 504,
}
"""The codes that callers were promised, with their statuses."""


@pytest.mark.parametrize(("code", "status"), STATUSES.items())
def test_every_promised_code_is_in_the_table_with_its_status(code: str, status: int) -> None:
    assert TABLE[code].status == status


def test_every_reason_of_a_refusal_is_a_problem() -> None:
    assert {why.value for why in Why} <= TABLE.keys()


@pytest.mark.parametrize("code", TABLE)
def test_what_may_fare_better_later_says_when(code: str) -> None:
    headers = dict(problem(code, "…").headers)

    assert ("retry-after" in headers) == (TABLE[code].status in (429, 503, 504))


async def test_every_problem_explains_itself(server: Server) -> None:
    for code, row in TABLE.items():
        explained = (await server.client.get(problem(code, "…").body["type"])).json()

        assert (explained["code"], explained["status"]) == (code, row.status)
        assert explained["meaning"]
        assert explained["remedy"]


async def test_a_browser_is_given_a_page_on_which_nothing_can_run(server: Server) -> None:
    for path in ("/problems", "/problems/guard_refused", "/api/docs"):
        page = await server.client.get(path, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})

        assert page.headers["Content-Type"].startswith("text/html")
        assert page.headers["Content-Security-Policy"] == POLICY
        assert "<script" not in page.text


async def test_an_unknown_problem_is_one_itself(server: Server) -> None:
    answer = await server.client.get("/problems/guard_refusd")

    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["nearest"] == "guard_refused"


async def test_what_nobody_foresaw_is_a_500_with_an_id_that_the_log_has(
    server: Server, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> None:
        raise ZeroDivisionError("a secret of ours")

    monkeypatch.setattr(server.rooms.catalog, "types", broken)
    answer = await server.get("/definitions")

    assert answer.status_code == 500
    assert answer.json()["type"] == "/problems/internal"
    assert "secret" not in answer.text
    assert answer.json()["id"] in caplog.text
    assert "a secret of ours" in caplog.text


async def test_a_method_that_the_path_does_not_take_names_those_it_does(server: Server) -> None:
    answer = await server.client.put("/api/v1/entities/light/1/transitions", content=b"{}")

    assert answer.status_code == 405
    assert answer.json()["type"] == "/problems/method_not_allowed"
    assert answer.headers["Allow"] == "GET, HEAD, POST"


async def test_a_path_that_does_not_exist_is_a_problem(server: Server) -> None:
    answer = await server.get("/nothing/here")

    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == "/problems/not_found"


async def test_a_misspelt_parameter_is_answered_with_the_nearest(server: Server) -> None:
    answer = await server.get("/transitions?limt=5")

    assert answer.status_code == 400
    assert (answer.json()["parameter"], answer.json()["nearest"]) == ("limt", "limit")


async def test_a_parameter_given_twice_is_refused(server: Server) -> None:
    assert (await server.get("/transitions?limit=5&limit=6")).json()["parameter"] == "limit"


async def test_a_limit_that_is_no_count_is_a_bad_parameter(server: Server) -> None:
    for limit in ("0", "-1", "x", "1.5", "1_0", "", "9" * 5_000, "%00", "NaN"):
        answer = await server.get(f"/transitions?limit={limit}")

        assert (answer.status_code, answer.json()["parameter"]) == (400, "limit")


async def test_a_limit_beyond_the_greatest_is_cut(server: Server) -> None:
    assert (await server.get("/transitions?limit=10001")).status_code == 200
