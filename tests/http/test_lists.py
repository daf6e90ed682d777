"""Lists over HTTP: asked for by a query, counted, exported whole, and saved under a name."""

from __future__ import annotations

import csv
import io
import json

import pytest

from statewright.views import listing
from tests.http.conftest import Server

TICKET = b"""{
  "id": "ticket", "creation": "implicit", "initial": "open", "keep": "*",
  "states": {"open": {"on": {"WORK": "busy", "NOTE": "open"}}, "busy": {"on": {"CLOSE": "closed"}},
    "closed": {"type": "final"}}
}"""


async def tickets(server: Server) -> None:
    """Five tickets; the first two are open, the third and fourth busy, the last is closed."""
    assert (await server.register(TICKET)).status_code == 201
    data = [
        {"amount": 5, "who": "Ann", "tags": ["vip", "late"]},
        {"amount": 50, "who": "bob"},
        {"amount": 500, "who": "Ann", "due": "2026-03-01"},
        {"amount": "500", "who": None, "due": "2026-04-01"},
        {"deep": {"er": True}, "who": '=HYPERLINK("x")'},
    ]
    for number, carried in enumerate(data, 1):
        actor = {"id": "eve" if number == 2 else "ann"}
        answer = await server.post("/entities/ticket", {"id": f"t-{number}", "data": carried, "actor": actor})
        assert answer.status_code == 201
    for number in (3, 4, 5):
        await server.send("ticket", f"t-{number}", "WORK")
    await server.send("ticket", "t-5", "CLOSE")


async def found(server: Server, q: str, **asked: str) -> list[str]:
    place = await server.rooms.store.latest_place()
    query = {"q": q, "order": "id", "min_place": place, "wait": "20", **asked}
    answer = await server.get("/views/entities", params=query)
    assert answer.status_code == 200, answer.text
    return [item["entity"][2:] for item in answer.json()["items"]]


ASKED = [
    ("", "12345"),
    ("type:ticket", "12345"),
    ("type:light", ""),
    ("-type:light", "12345"),
    ("state:busy", "34"),
    ("state:busy,closed", "345"),
    ("-state:busy", "125"),
    ("state:b*", "34"),
    ("t-3", "3"),
    ("T-3", "3"),
    ("-t-3", "1245"),
    ("id:t-3", "3"),
    ("id:T-*", "12345"),
    ("id:t-3,t-4", "34"),
    ("id:*3 state:open", ""),
    ("actor:eve", "2"),
    ("-actor:e*", "1345"),
    ("version:>1", "345"),
    ("version:2..3", "345"),
    ("version:1", "12"),
    ("revision:1", "12345"),
    ("created:<1h", "12345"),
    ("since:>1h", ""),
    ("moved:2001-01-01..2001-12-31", ""),
    ("created:>2001-01-01", "12345"),
    ("data.amount:5", "1"),
    ("data.amount:500", "34"),
    ('data.amount:"500"', "4"),
    ("data.amount:>5", "23"),
    ("data.amount:>=5", "123"),
    ("data.amount:5..50", "12"),
    ("-data.amount:>5", "145"),
    ("data.who:Ann", "13"),
    ("data.who:ann", ""),
    ("data.who:a*", "13"),
    ("data.who:null", "4"),
    ("data.who:*", "1235"),
    ("-data.amount:*", "5"),
    ("data.tags:vip", "1"),
    ("data.tags:v*", "1"),
    ("-data.tags:vip", "2345"),
    ("data.deep.er:true", "5"),
    ('data."deep"."er":true', "5"),
    ("data.due:>2026-03-15", "4"),
    ("data.due:2026-03-01..2026-03-31", "3"),
    ("data.nothing:x", ""),
    ("type:ticket state:open data.amount:>5", "2"),
    ("%", ""),
    ("data.who:%", ""),
]
"""Queries, and the numbers of the tickets that they find."""


async def test_a_query_finds_those_of_whom_all_its_terms_hold_in_every_order(consolidated: Server) -> None:
    await tickets(consolidated)
    expected = {q: list(numbers) for q, numbers in ASKED}

    assert {q: await found(consolidated, q) for q in expected} == expected
    for order in ("newest", "longest", "shortest"):
        assert {q: sorted(await found(consolidated, q, order=order)) for q in expected} == expected


async def test_those_stuck_longest_come_first_and_pages_make_up_the_list(consolidated: Server) -> None:
    await tickets(consolidated)
    await consolidated.send("ticket", "t-1", "NOTE")  # it moves, and stays where it is
    everybody = await found(consolidated, "type:ticket", order="longest")
    after, walked = "", list[str]()
    while after is not None:
        query = {"q": "type:ticket", "order": "longest", "limit": "2", **({"after": after} if after else {})}
        page = (await consolidated.get("/views/entities", params=query)).json()
        walked += [item["entity"][2:] for item in page["items"]]
        after = page["next"]

    assert everybody == walked == ["1", "2", "3", "4", "5"]


async def test_who_looks_for_what_is_rare_is_told_where_to_look_on(
    consolidated: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tickets(consolidated)
    lines = [{"type": "ticket", "entity": f"u-{n}", "event": "NOTE"} for n in range(250)]
    answers = (await consolidated.post("/commands", lines)).json()["items"]
    assert {answer["status"] for answer in answers} == {201}
    assert await found(consolidated, "id:t-1") == ["1"]
    monkeypatch.setattr(listing, "PATIENCE_S", 0.0)
    monkeypatch.setattr(listing, "STRETCH", 100)
    monkeypatch.setattr(listing, "_FEW", 0)
    for order in ("newest", "oldest", "id"):
        after, walked, pages = "", list[str](), 0
        while after is not None:
            query = {"q": "data.amount:>1", "order": order, **({"after": after} if after else {})}
            page = (await consolidated.get("/views/entities", params=query)).json()
            walked += [item["entity"][2:] for item in page["items"]]
            after, pages = page["next"], pages + 1

        assert sorted(walked) == ["1", "2", "3"]
        assert (order, pages > 1) == (order, True)


async def test_a_query_that_cannot_be_read_is_told_with_its_place(server: Server) -> None:
    answer = await server.get("/views/entities", params={"q": "state:open stat:x"})
    long = await server.get("/views/entities", params={"q": "x" * 2_001})

    assert (answer.status_code, long.status_code) == (400, 400)
    assert (answer.json()["parameter"], answer.json()["faults"][0]["at"]) == ("q", 11)
    assert "did you mean state?" in answer.json()["detail"]


async def test_what_the_past_does_not_keep_cannot_be_asked_of_it(consolidated: Server) -> None:
    await tickets(consolidated)

    assert sorted(await found(consolidated, "state:open id:t-*", place="5")) == ["1", "2", "3", "4", "5"]
    answer = await consolidated.get("/views/entities", params={"q": "actor:ann", "place": "5"})
    assert (answer.status_code, "only type, state and id" in answer.text) == (400, True)


async def test_those_that_fit_are_counted_per_configuration(consolidated: Server) -> None:
    await tickets(consolidated)
    await found(consolidated, "")
    tally = (await consolidated.get("/views/tally", params={"q": "data.amount:*"})).json()

    assert tally["total"] == 4
    assert {(item["state"], item["count"]) for item in tally["items"]} == {("open", 2), ("busy", 2)}


async def test_a_whole_list_is_exported_in_every_form(consolidated: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    await tickets(consolidated)
    await found(consolidated, "")
    monkeypatch.setattr("statewright.http.exporting._AT_ONCE", 2)
    asked = {"q": "type:ticket", "columns": "state,data.amount,data.who,data.deep"}
    answers = {
        form: await consolidated.get("/views/export", params={**asked, "format": form})
        for form in ("csv", "json", "ndjson")
    }

    rows = list(csv.reader(io.StringIO(answers["csv"].text)))
    assert rows[0] == ["type", "entity", "state", "data.amount", "data.who", "data.deep"]
    assert rows[1:4] == [
        ["ticket", "t-1", "open", "5", "Ann", ""],
        ["ticket", "t-2", "open", "50", "bob", ""],
        ["ticket", "t-3", "busy", "500", "Ann", ""],
    ]
    assert rows[5] == ["ticket", "t-5", "closed", "", '\'=HYPERLINK("x")', '{"er":true}']
    items = answers["json"].json()
    assert items == [json.loads(line) for line in answers["ndjson"].text.splitlines()]
    assert items[4] == {
        "type": "ticket",
        "entity": "t-5",
        "state": "closed",
        "data.amount": None,
        "data.who": '=HYPERLINK("x")',
        "data.deep": {"er": True},
    }
    assert "attachment" in answers["csv"].headers["content-disposition"]


async def test_an_export_without_columns_tells_all(consolidated: Server) -> None:
    await tickets(consolidated)
    await found(consolidated, "")
    whole = (await consolidated.get("/views/export?format=json&q=id:t-5")).json()
    none = await consolidated.get("/views/export?format=json&q=id:nobody")
    bad = await consolidated.get("/views/export?format=csv&columns=stat")

    assert whole[0]["final"] is True
    assert whole[0]["data"]["deep"] == {"er": True}
    assert none.json() == []
    assert (bad.status_code, bad.json()["parameter"]) == (400, "columns")
    assert "did you mean state?" in bad.text


async def test_a_saved_view_is_read_changed_and_deleted(server: Server) -> None:
    made = await server.post(
        "/saved-views", {"name": " Stuck  orders ", "q": "type:light since:>3d", "order": "longest"}
    )
    path = f"/saved-views/{made.json()['id']}"
    taken = await server.post("/saved-views", {"name": "STUCK ORDERS"})
    body = {"name": "Stuck", "q": "state:red", "columns": "state,data.x"}
    changed = await server.client.put(f"/api/v1{path}", json=body)
    listed = (await server.get("/saved-views")).json()["items"]
    gone = await server.client.delete(f"/api/v1{path}")

    assert (made.status_code, made.json()["name"], made.headers["location"]) == (201, "Stuck orders", f"/api/v1{path}")
    assert (taken.status_code, taken.json()["view"]) == (409, made.json()["id"])
    assert changed.json() | {"changed_at": ""} == {"id": made.json()["id"], "order": "newest", "changed_at": "", **body}
    assert listed == [changed.json()]
    assert (gone.status_code, (await server.get(path)).status_code) == (204, 404)


async def test_a_view_that_could_not_be_shown_is_not_saved(server: Server) -> None:
    bodies = [
        {"name": ""},
        {"name": "x" * 101},
        {"name": "a\u0000b"},
        {"name": "a", "q": "nothing:1"},
        {"name": "a", "columns": "nothing"},
        {"name": "a", "order": "any"},
        {"q": "state:red"},
    ]

    assert [(await server.post("/saved-views", body)).status_code for body in bodies] == [400] * len(bodies)
    assert (await server.get("/saved-views")).json()["items"] == []
