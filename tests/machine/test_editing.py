"""Edits of a definition's text: what is said changes, and nothing else does."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from statewright.machine.editing import (
    AddBranch,
    AddState,
    BranchAt,
    DeleteBranch,
    DeleteField,
    DeleteState,
    Edit,
    Edited,
    EditRefused,
    MoveState,
    RenameState,
    RetriggerBranch,
    Rewrite,
    SetBranch,
    SetDefinition,
    SetEntry,
    SetField,
    SetInitial,
    SetKind,
    SetState,
    Sheet,
    ShiftBranch,
    differences,
    edited,
    meet,
)
from statewright.machine.editing.plan import Plan, way_to
from statewright.machine.editing.words import Stop
from statewright.machine.faults import first_fault
from tests.machine.random_documents import Documents

DEFINITIONS = Path(__file__).parents[2] / "definitions"
ORDER = (DEFINITIONS / "order.json").read_text()
LOAN = """{
  "id": "loan",
  "initial": "draft",
  "states": {
    "draft":     { "on": { "SUBMIT": "screening" } },
    "screening": {
      "type": "parallel",
      "states": {
        "identity": {"initial": "pending", "states": {
            "pending": {"on": {"OK": {"target": "done", "guard": {"@expr": "!in_state('screening.credit.bad')"}}}},
            "done": {"type": "final"}}},
        "credit": {"initial": "pulling", "states": {"pulling": {"on": {"BAD": "bad", "GOOD": "good"}},
                                                     "good": {"type": "final"}, "bad": {}}}
      },
      "onDone": [{"target": "offered", "guard": {"@expr": "context.n > 1"}},  "refused"]
    },
    "offered": {"on": {"BACK": "#loan.screening.identity.pending"}, "after": {"P14D": "refused"}},
    "refused": {"type": "final"}
  },
  "on": {"CANCEL": ".refused"}
}
"""


def done(text: str, edit: Edit) -> Edited:
    answer = edited(text, edit)
    assert isinstance(answer, Edited), answer
    return answer


def refused(text: str, edit: Edit) -> EditRefused:
    answer = edited(text, edit)
    assert isinstance(answer, EditRefused), answer
    return answer


def said(text: str, edit: Edit) -> list[tuple[str, Any, Any]]:
    """What an edit changes of the document: pointer, before, after."""
    after = done(text, edit).text
    return [(one.pointer, one.before, one.after) for one in differences(json.loads(text), json.loads(after))]


# --- each edit, by example


def test_a_new_state_is_written_last_and_named_as_people_call_it() -> None:
    answer = done(LOAN, AddState(name="Credit review", tone="waiting"))

    assert answer.selected == "credit_review"
    assert answer.text == LOAN.replace(
        '"refused": {"type": "final"}\n',
        '"refused": {"type": "final"},\n    "credit_review": {"tags": ["waiting"]}\n',
    )


def test_the_first_state_of_a_parent_is_where_it_begins() -> None:
    text = done('{\n  "id": "loan",\n  "states": {}\n}\n', AddState(name="Draft")).text

    assert text == '{\n  "id": "loan",\n  "initial": "draft",\n  "states": {\n    "draft": {}\n  }\n}\n'
    assert said(text, AddState(name="Form", parent="draft")) == [
        ("/states/draft/initial", None, "form"),
        ("/states/draft/states", None, {"form": {}}),
    ]


def test_a_renamed_state_is_followed_by_all_that_names_it() -> None:
    answer = done(LOAN, RenameState(path="screening.identity.pending", name="awaiting"))

    assert answer.selected == "screening.identity.awaiting"
    assert answer.text == LOAN.replace('"pending"', '"awaiting"').replace("identity.pending", "identity.awaiting")


def test_in_state_follows_a_rename_of_what_is_above() -> None:
    answer = done(LOAN, RenameState(path="screening", name="checks"))

    assert answer.text == LOAN.replace("screening", "checks")


def test_a_moved_state_keeps_its_text_and_its_ways() -> None:
    answer = done(LOAN, MoveState(path="offered", parent="screening.credit", before="good"))

    document = json.loads(answer.text)
    assert list(document["states"]["screening"]["states"]["credit"]["states"]) == ["pulling", "offered", "good", "bad"]
    assert document["states"]["screening"]["onDone"][0]["target"] == ".credit.offered"
    assert document["states"]["screening"]["states"]["credit"]["states"]["offered"] == {
        "on": {"BACK": "#loan.screening.identity.pending"},
        "after": {"P14D": "#loan.refused"},
    }


def test_a_state_that_others_lead_to_is_taken_out_only_with_the_ways_there() -> None:
    why = refused(LOAN, DeleteState(path="offered"))
    assert why.ways == (BranchAt("screening", "done", "", 0),)
    assert "done in Screening" in why.sentence

    document = json.loads(done(LOAN, DeleteState(path="offered", with_ways=True)).text)

    assert document["states"]["screening"]["onDone"] == ["refused"]
    assert "offered" not in document["states"]


def test_the_only_state_of_a_definition_stays() -> None:
    assert "add another" in refused('{"id": "a", "states": {"b": {}}}', DeleteState(path="b")).sentence


def test_a_second_branch_makes_a_list_of_the_first_as_it_was_written() -> None:
    text = '{"id": "a", "states": {"b": {"on": {"GO": { "target":"b" }}}}}'

    answer = done(text, AddBranch(source="b", cause="event", trigger="GO", target="b"))

    assert answer.selected == BranchAt("b", "event", "GO", 1)
    assert answer.text == '{"id": "a", "states": {"b": {"on": {"GO": [{ "target":"b" }, "b"]}}}}'
    assert done(answer.text, DeleteBranch(at=BranchAt("b", "event", "GO", 1))).text == text


def test_keys_of_a_branch_are_set_and_taken_out() -> None:
    at = BranchAt("draft", "event", "SUBMIT")
    answer = done(LOAN, SetBranch(at=at, changes={"allow": ["clerk"]}, to="offered"))

    assert '"SUBMIT": {"target": "offered", "allow": ["clerk"]}' in answer.text
    assert said(answer.text, SetBranch(at=at, changes={"allow": None})) == [
        ("/states/draft/on/SUBMIT/allow", ["clerk"], None)
    ]


def test_a_branch_goes_to_another_event_and_another_state() -> None:
    at = BranchAt("draft", "event", "SUBMIT")

    assert said(LOAN, RetriggerBranch(at=at, cause="event", trigger="SEND"))[1:] == [
        ("/states/draft/on/SEND", None, "screening")
    ]
    moved = RetriggerBranch(at=at, cause="after", trigger="P1D", source="screening.credit.bad")
    assert json.loads(done(LOAN, moved).text)["states"]["screening"]["states"]["credit"]["states"]["bad"] == {
        "after": {"P1D": "#loan.screening"}
    }


def test_branches_change_places() -> None:
    answer = done(LOAN, ShiftBranch(at=BranchAt("screening", "done", "", 1), by=-1))

    assert '"onDone": ["refused",  {"target": "offered", "guard": {"@expr": "context.n > 1"}}]' in answer.text


def test_delays_in_milliseconds_are_found_as_they_are_written() -> None:
    text = '{"id": "a", "states": {"b": {"after": {"1000": "b"}}}}'

    answer = done(text, SetBranch(at=BranchAt("b", "after", "PT1S"), changes={"reenter": True}))

    assert json.loads(answer.text)["states"]["b"]["after"] == {"1000": {"target": "b", "reenter": True}}


def test_a_field_is_declared_changed_renamed_and_taken_out() -> None:
    text = done(LOAN, SetField(name="amount", schema={"type": "integer"}, required=True)).text
    assert json.loads(text)["schemas"]["context"] == {
        "type": "object",
        "required": ["amount"],
        "properties": {"amount": {"type": "integer"}},
    }
    text = done(text, SetField(name="sum", rename="amount", schema={"type": "number"}, required=True)).text
    assert json.loads(text)["schemas"]["context"]["required"] == ["sum"]
    assert json.loads(text)["schemas"]["context"]["properties"] == {"sum": {"type": "number"}}

    text = done(text, DeleteField(name="sum")).text

    assert json.loads(text)["schemas"]["context"] == {"type": "object", "properties": {}}


def test_a_kind_that_cannot_be_is_refused_with_what_to_do() -> None:
    assert "has states" in refused(LOAN, SetKind(path="screening", kind="final")).sentence
    assert said(LOAN, SetKind(path="screening.identity", kind="parallel")) == [
        ("/states/screening/states/identity/initial", "pending", None),
        ("/states/screening/states/identity/type", None, "parallel"),
    ]


def test_the_initial_state_is_chosen() -> None:
    assert said(LOAN, SetInitial(path="offered")) == [("/initial", "draft", "offered")]
    assert "parallel" in refused(LOAN, SetInitial(path="screening.credit")).sentence


def test_entries_and_the_words_of_the_definition_are_set() -> None:
    assert said(LOAN, SetEntry(section="roles", name="clerk", value={"label": "Clerk"})) == [
        ("/roles", None, {"clerk": {"label": "Clerk"}})
    ]
    assert said(LOAN, SetDefinition(changes={"label": "Loan"})) == [("/label", None, "Loan")]
    assert "begin a new" in refused(LOAN, SetDefinition(changes={"id": "other"})).sentence


def test_a_text_with_a_fault_is_changed_by_hand_alone() -> None:
    assert "JSON tab" in refused("{", AddState(name="a")).sentence
    assert "JSON tab" in refused('{"id": "a", "states": 1}', AddState(name="a")).sentence
    assert done(LOAN, Rewrite(text="{")).text == "{"


def test_what_somebody_else_took_away_is_named() -> None:
    assert "gone" in refused(LOAN, SetState(path="gone", changes={"label": "x"})).sentence
    assert "not there any more" in refused(LOAN, DeleteBranch(at=BranchAt("draft", "event", "X"))).sentence


@pytest.mark.parametrize("name", ["", " ", "1st", "draft", "a\u202eb", "x" * 101])
def test_a_name_that_cannot_be_is_refused_at_its_field(name: str) -> None:
    assert refused(LOAN, AddState(name=name)).field == "name"


def test_differences_meet_where_one_lies_in_the_other() -> None:
    mine = differences({"a": {"b": 1, "c": 1}}, {"a": {"b": 2, "c": 1}})

    assert meet(mine, differences({"a": {"b": 1}}, {}))
    assert not meet(mine, differences({"a": {"b": 1, "c": 1}}, {"a": {"b": 1, "c": 2}}))
    assert differences([1], [True])


# --- all edits, by chance

SEEDS = range(60)
WIDTHS = (None, 2, 4, "\t")


def written(random: random.Random, document: Any) -> str:
    """The document in one of many layouts."""
    space = random.choice(WIDTHS)
    separators = random.choice([None, (",", ":"), (" , ", " : ")]) if space is None else None
    return json.dumps(document, indent=space, separators=separators, ensure_ascii=random.random() < 0.3)


def some_edit(random: random.Random, plan: Plan) -> Edit:
    """An edit of something that is there, or nearly."""
    paths = [*plan.states.by_path] or ["gone"]
    path, other = random.choice(paths), random.choice(["", *paths])
    branches = [one.branch for one in plan.references() if one.branch] or [BranchAt(path, "event", "GO")]
    at = random.choice(branches)
    name = random.choice(["New state", "a", "b", "zeta", "with-dash", "Größe"])
    siblings = [None, *(plan.children(other) if plan.states.by_path else ())]
    made: list[Edit] = [
        AddState(name=name, parent=other, kind=random.choice([None, "parallel", "final", "history"])),
        RenameState(path=path, name=name),
        MoveState(path=path, parent=other, before=random.choice(siblings)),
        DeleteState(path=path, with_ways=random.random() < 0.7),
        SetState(path=path, changes={"label": random.choice(["Word", None]), "sla": {"warn": "PT1H"}}),
        SetKind(path=path, kind=random.choice([None, "parallel", "final", "history"])),
        SetInitial(path=path),
        AddBranch(source=other, cause=random.choice(["event", "after", "always", "done"]), trigger="GO", target=path),
        SetBranch(at=at, changes={"guard": {"@expr": "true"}, "allow": None}, to=random.choice([None, "", path])),
        RetriggerBranch(
            at=at, cause="event", trigger=random.choice(["GO", "NEW"]), source=random.choice([None, other])
        ),
        ShiftBranch(at=at, by=random.choice([-1, 1])),
        DeleteBranch(at=at),
        SetDefinition(changes={"description": "Words", "label": None}),
        SetField(name="n", schema={"type": "integer"}, event=random.choice(["", "GO"]), required=random.random() < 0.5),
        DeleteField(name="n", event=random.choice(["", "GO"])),
        SetEntry(section=random.choice(["roles", "guards", "events"]), name="g", value=random.choice([{}, None])),
    ]
    return random.choice(made)


def ways(value: Any, way: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield way
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from ways(item, (*way, key))


@pytest.mark.parametrize("seed", SEEDS)
def test_whatever_is_edited_the_rest_stays_as_it_was_written(seed: int) -> None:
    chance = random.Random(seed)
    text = written(chance, Documents(seed).one())
    kept = 0
    for _ in range(12):
        try:
            plan = Plan(text)
        except Stop:
            text = written(chance, json.loads(LOAN))
            continue
        edit = some_edit(chance, plan)
        answer = edited(text, edit)
        if isinstance(answer, EditRefused):
            assert len(answer.sentence) > 20
            continue

        assert first_fault(answer.text.encode()) is None, edit
        before, after = json.loads(text), json.loads(answer.text)
        changed = differences(before, after)
        old, new = Sheet(text), Sheet(answer.text)
        touched = [one.way for one in changed] + ([way_to(edit.path)[:-1]] if isinstance(edit, MoveState) else [])
        for way in ways(before):
            if not any(way[: len(one)] == one or one[: len(way)] == way for one in touched):
                assert new.source(way) == old.source(way), (edit, way)
                kept += 1
        _keeps_its_ways(plan, edit, answer)
        text = answer.text
    assert kept > 0


def _keeps_its_ways(plan: Plan, edit: Edit, answer: Edited) -> None:
    """After a rename or a move every target means the state it meant, wherever that is now."""
    if not isinstance(edit, RenameState | MoveState):
        return
    assert isinstance(answer.selected, str)

    def now(path: str) -> str:
        inside = path == edit.path or path.startswith(f"{edit.path}.")
        return str(answer.selected) + path[len(edit.path) :] if inside else path

    before = Counter((now(one.holder), now(one.path)) for one in plan.references() if one.path is not None)
    after = Counter((one.holder, one.path) for one in Plan(answer.text).references() if one.path is not None)
    assert not before - after  # what meant nothing before may find the new name


@pytest.mark.parametrize("file", sorted(DEFINITIONS.glob("*.json")), ids=lambda file: file.stem)
def test_an_edit_and_its_opposite_leave_the_text_as_it_was(file: Path) -> None:
    text = file.read_text()
    if '"states"' not in text or "." in file.stem:
        return
    plan = Plan(text)
    for path in plan.states.by_path:
        name = path.rpartition(".")[2]
        there = done(text, RenameState(path=path, name="quite_another"))
        back = done(there.text, RenameState(path=str(there.selected), name=name))

        assert back.text == text
