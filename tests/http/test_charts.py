"""Charts as a caller sees them: several leaves, microsteps, timers, and refusals that explain themselves."""

from __future__ import annotations

import json

import pytest

from .conftest import Server

PARCEL = {
    "id": "parcel",
    "schemas": {"context": {"properties": {"weight": {"type": "integer", "default": 0}, "note": {"type": "string"}}}},
    "roles": {"boss": {}},
    "guards": {"light": {"when": {"@expr": "context.weight <= params.limit"}}},
    "initial": "new",
    "states": {
        "new": {
            "after": {"P1D": "lost"},
            "on": {
                "SEND": {
                    "target": "under_way",
                    "guard": {"type": "light", "params": {"limit": 5}},
                    "actions": [{"type": "emit", "event": {"type": "sent", "weight": {"@expr": "context.weight"}}},
                                {"type": "log", "args": ["off it goes"]}],
                },
                "ASK": {"guard": {"@expr": "event.n > 1"}, "context": {"note": "asked"}},
            },
        },
        "under_way": {
            "type": "parallel",
            "states": {
                "goods": {"initial": "moving", "states": {
                    "moving": {"on": {"ARRIVE": "there"}}, "there": {"type": "final"}}},
                "bill": {"initial": "open", "states": {"open": {"on": {"PAY": "paid"}}, "paid": {"type": "final"}}},
            },
            "onDone": "delivered",
        },
        "delivered": {"type": "final"},
        "lost": {"type": "final"},
    },
}  # fmt: skip


@pytest.fixture
async def parcels(server: Server) -> Server:
    answer = await server.register(json.dumps(PARCEL).encode())
    assert answer.status_code == 201, answer.text
    await server.post("/entities/parcel", {"id": "1", "data": {"weight": 3}})
    await server.post("/entities/parcel", {"id": "heavy", "data": {"weight": 9}})
    return server


async def test_a_configuration_of_several_leaves_is_a_list(parcels: Server) -> None:
    answer = (await parcels.post("/entities/parcel/1/transitions", {"event": "SEND"})).json()

    leaves = ["under_way.goods.moving", "under_way.bill.open"]
    assert (answer["from"], answer["to"], answer["to_leaves"]) == ("new", leaves, leaves)
    assert answer["allowed"] == ["ARRIVE", "PAY"]
    assert (await parcels.get("/entities/parcel/1")).json()["state"] == leaves


async def test_a_transition_tells_its_steps_timers_and_what_it_emitted(parcels: Server) -> None:
    await parcels.post("/entities/parcel/1/transitions", {"event": "SEND"})
    await parcels.post("/entities/parcel/1/transitions", {"event": "ARRIVE"})
    await parcels.post("/entities/parcel/1/transitions", {"event": "PAY"})
    created, sent, _, paid = (await parcels.get("/entities/parcel/1/transitions")).json()["items"]

    assert [one["key"] for one in created["timers"]["started"]] == ["P1D"]
    assert sent["timers"]["stopped"] == [{"state": "new", "key": "P1D"}]
    assert (sent["emits"], sent["logs"]) == ([{"type": "sent", "weight": 3}], [["off it goes"]])
    assert [step["cause"] for step in paid["steps"]] == ["PAY", "done.state.under_way"]
    assert paid["steps"][-1]["branches"] == ["/states/under_way/onDone"]
    assert paid["to"] == "delivered"


async def test_a_refusal_by_a_guard_is_a_409_that_explains_itself(parcels: Server) -> None:
    answer = await parcels.post("/entities/parcel/heavy/transitions", {"event": "SEND"})

    assert answer.status_code == 409
    body = answer.json()
    assert (body["why"], body["state"]) == ("guard_refused", "new")
    [part] = body["explanation"]
    assert (part["at"], part["guard"], part["value"]) == ("/states/new/on/SEND", "light", False)
    assert part["where"]["context.weight"] == 9


async def test_a_guard_that_fails_is_a_422(parcels: Server) -> None:
    answer = await parcels.post("/entities/parcel/1/transitions", {"event": "ASK"})

    assert (answer.status_code, answer.json()["why"]) == (422, "guard_error")


async def test_what_is_allowed_has_three_answers(parcels: Server) -> None:
    events = {one["event"]: one for one in (await parcels.get("/entities/parcel/heavy/allowed")).json()["events"]}

    assert {name: one["allowed"] for name, one in events.items()} == {
        "SEND": "no", "ASK": "depends", "ARRIVE": "no", "PAY": "no",
    }  # fmt: skip
    assert events["SEND"]["why"] == "guard_refused"
    assert events["SEND"]["explanation"][0]["where"]["context.weight"] == 9


@pytest.mark.parametrize("event", ["after.P1D.new", "done.state.under_way", "statewright.created", "xstate.init"])
async def test_the_platforms_own_events_cannot_be_sent(parcels: Server, event: str) -> None:
    answer = await parcels.post("/entities/parcel/1/transitions", {"event": event})

    assert (answer.status_code, answer.json()["why"]) == (422, "unknown_event")


async def test_a_document_that_no_machine_can_be_made_of_is_not_activated(server: Server) -> None:
    broken = {"id": "broken", "initial": "a", "states": {"a": {"entry": {"type": "raise", "event": {}}}}}

    answer = await server.register(json.dumps(broken).encode())

    assert answer.status_code == 422
    assert any(problem["pointer"].startswith("/states/a/entry") for problem in answer.json()["problems"])
