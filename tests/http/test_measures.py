from __future__ import annotations

import csv
import io

import pytest

from .conftest import Server

QUESTIONS = ("variants", "rework", "handovers", "throughput", "funnel", "dwell", "references")
DAY_2 = "from=2001-01-02T00:00:00Z&to=2001-01-03T00:00:00Z"


async def lights(server: Server) -> None:
    """One that turned twice on the first day, by two people; one that began on the second and broke."""
    anna, bert = {"id": "anna"}, {"id": "bert", "roles": ["mechanic"]}
    await server.send("light", "a", "NEXT", occurred_at="2001-01-01T10:00:00Z", actor=anna)
    await server.send("light", "a", "NEXT", occurred_at="2001-01-01T10:00:30Z", actor=bert)
    await server.send("light", "a", "NEXT", occurred_at="2001-01-01T10:01:30Z", actor=anna)
    await server.send("light", "b", "NEXT", occurred_at="2001-01-02T12:00:00Z", actor=anna)
    await server.send("light", "b", "BREAK", occurred_at="2001-01-02T12:00:10Z", actor=bert)


async def asked(server: Server, question: str, more: str = "", place: str = "5") -> dict[str, object]:
    answer = await server.get(f"/views/{question}?type=light&min_place={place}&wait=30{more}")
    assert answer.status_code == 200, answer.text
    assert answer.headers["Statewright-Place"] == place
    found: dict[str, object] = answer.json()
    return found


async def test_variants_are_paths_with_the_most_frequent_first(consolidated: Server) -> None:
    await lights(consolidated)
    found = await asked(consolidated, "variants")

    assert (found["entities"], found["variants"]) == (2, 2)
    assert {"events": ["NEXT", "BREAK"], "entities": 1, "share": 0.5, "mean_s": 10.0} in found["items"]  # type: ignore[operator]


async def test_a_period_narrows_to_the_entities_that_began_in_it(consolidated: Server) -> None:
    await lights(consolidated)

    variants = await asked(consolidated, "variants", f"&{DAY_2}")
    funnel = await asked(consolidated, "funnel", f"&{DAY_2}")
    none = await asked(consolidated, "variants", "&revision=2")

    assert [each["events"] for each in variants["items"]] == [["NEXT", "BREAK"]]  # type: ignore[attr-defined]
    assert {each["state"]: each["reached"] for each in funnel["items"]} == {"green": 1, "broken": 1}  # type: ignore[attr-defined]
    assert none["items"] == []


async def test_rework_says_what_was_entered_and_taken_again(consolidated: Server) -> None:
    await lights(consolidated)
    found = await asked(consolidated, "rework")

    assert (found["entities"], found["returned"], found["repeated"]) == (2, 1, 1)
    assert {"state": "green", "entities": 2, "again": 1, "entered": 3} in found["states"]  # type: ignore[operator]
    assert {"event": "NEXT", "entities": 2, "again": 1, "times": 4} in found["events"]  # type: ignore[operator]


async def test_hand_overs_are_between_different_known_actors(consolidated: Server) -> None:
    await lights(consolidated)
    await consolidated.send("light", "a", "NEXT", occurred_at="2001-01-01T10:02:00Z")
    found = await asked(consolidated, "handovers", place="6")

    assert found["items"] == [{"from": "anna", "to": "bert", "times": 2}, {"from": "bert", "to": "anna", "times": 1}]


async def test_throughput_leaves_no_span_out(consolidated: Server) -> None:
    await lights(consolidated)
    found = await asked(consolidated, "throughput", "&step=day&from=2001-01-01T00:00:00Z&to=2001-01-04T00:00:00Z")

    assert [(each["from"][:10], each["begun"], each["ended"]) for each in found["items"]] == [  # type: ignore[attr-defined]
        ("2001-01-01", 1, 0),
        ("2001-01-02", 1, 1),
        ("2001-01-03", 0, 0),
    ]


async def test_dwell_is_per_state_and_per_transition_and_says_what_is_estimated(consolidated: Server) -> None:
    await lights(consolidated)
    found = await asked(consolidated, "dwell")

    green = next(each for each in found["states"] if each["state"] == "green")  # type: ignore[attr-defined]
    assert (green["ended"], green["seconds"]["p50"], green["seconds"]["estimated"]) == (2, 10.0, False)
    broke = next(each for each in found["transitions"] if each["event"] == "BREAK")  # type: ignore[attr-defined]
    assert (broke["from"], broke["to"], broke["seconds"]["mean"]) == ("green", "broken", 10.0)
    assert broke["seconds"]["estimated"] is True
    assert broke["seconds"]["p50"] == pytest.approx(10.0, rel=0.01)


@pytest.mark.parametrize("question", QUESTIONS)
async def test_every_question_is_answered_as_a_table_too(consolidated: Server, question: str) -> None:
    await lights(consolidated)
    path = f"/api/v1/views/{question}?type=light&min_place=5&wait=30"

    linked = await consolidated.client.get(f"{path}&format=csv")
    asked_for = await consolidated.client.get(path, headers={"Accept": "text/csv"})

    assert linked.text == asked_for.text
    assert linked.headers["content-type"].startswith("text/csv")
    assert linked.headers["vary"] == "Accept"
    names, *rows = csv.reader(io.StringIO(linked.text))
    assert all(len(row) == len(names) for row in rows)
    assert bool(rows) == (question != "references")


async def test_a_table_holds_nothing_that_a_spreadsheet_takes_for_a_formula(consolidated: Server) -> None:
    for actor in ("anna", "=HYPERLINK(1)", "bert"):
        await consolidated.send("light", "a", "NEXT", actor={"id": actor})
    table = await consolidated.client.get("/api/v1/views/handovers?type=light&min_place=3&wait=30&format=csv")

    assert sorted(list(csv.reader(io.StringIO(table.text)))[1:]) == [
        ["'=HYPERLINK(1)", "bert", "1"],
        ["anna", "'=HYPERLINK(1)", "1"],
    ]


@pytest.mark.parametrize(
    ("more", "parameter"),
    [
        ("&from=2001-01-02T00:00:00Z&to=2001-01-01T00:00:00Z", "to"),
        ("&step=hour&from=1970-01-01T00:00:00Z&to=2020-01-01T00:00:00Z", "step"),
        ("&step=year", "step"),
        ("&revision=0", "revision"),
        ("&format=xml", "format"),
    ],
)
async def test_a_period_that_cannot_be_answered_is_a_400_that_names_the_parameter(
    consolidated: Server, more: str, parameter: str
) -> None:
    await lights(consolidated)
    await asked(consolidated, "variants")
    answer = await consolidated.get(f"/views/throughput?type=light{more}")

    assert answer.status_code == 400
    assert parameter in answer.text


@pytest.mark.parametrize("question", [*QUESTIONS, "relations"])
async def test_a_type_that_nobody_registered_is_not_answered_with_nothing(server: Server, question: str) -> None:
    answer = await server.get(
        f"/views/{question}?type=lihgt&id=1".replace("&id=1", "&id=1" * (question == "relations"))
    )

    assert (answer.status_code, answer.json()["type"]) == (404, "/problems/unknown_type")


async def test_what_cannot_be_accepted_is_406(consolidated: Server) -> None:
    answer = await consolidated.client.get("/api/v1/views/rework?type=light", headers={"Accept": "text/html"})

    assert answer.status_code == 406
