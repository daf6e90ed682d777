"""Drafts: what is edited is kept with its history, and nobody's work is overwritten."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from statewright.catalog import Catalog, Conflict, Draft, DraftEdited, DraftThere, UnknownType, drafts
from statewright.machine.editing import AddBranch, AddState, Edit, EditRefused, RenameState, Rewrite, SetState
from tests.postgresql import on_both

LAMP = '{\n  "id": "lamp",\n  "initial": "off",\n  "states": {\n    "off": {},\n    "on": {}\n  }\n}\n'


@pytest.fixture
def catalog(database: str) -> Iterator[Catalog]:
    catalog = Catalog.open(database)
    catalog.register(LAMP.encode())
    yield catalog
    catalog.close()


def edit(catalog: Catalog, number: int, edit: Edit, editor: str = "anna") -> DraftEdited:
    answer = catalog.drafts.edit("lamp", number, edit, editor)
    assert isinstance(answer, DraftEdited), answer
    return answer


def states(draft: Draft) -> list[str]:
    return list(json.loads(draft.text)["states"])


@on_both
def test_a_registered_type_is_edited_from_its_revision(catalog: Catalog) -> None:
    assert catalog.drafts.of("lamp") == Draft(
        type="lamp", number=0, text=LAMP, sound=LAMP, base=1, undo=None, redo=None, changed_at=None
    )
    with pytest.raises(UnknownType):
        catalog.drafts.of("nothing")


@on_both
def test_a_new_type_has_one_draft(catalog: Catalog) -> None:
    catalog.drafts.begin("door", '{"id": "door", "states": {}}', "Begin empty")

    with pytest.raises(DraftThere):
        catalog.drafts.begin("door", "{}", "again")
    assert [change.words for change in catalog.drafts.all()] == ["door"]


@on_both
def test_undo_and_redo_walk_the_history(catalog: Catalog) -> None:
    edit(catalog, 0, AddState(name="broken"))
    edit(catalog, 1, AddState(name="flickering"))

    once = catalog.drafts.undo("lamp", 2)
    assert isinstance(once, Draft)
    assert (states(once), once.number) == (["off", "on", "broken"], 3)
    assert (once.undo, once.redo) == ("Add the state broken", "Add the state flickering")
    twice = catalog.drafts.undo("lamp", 3)
    assert isinstance(twice, Draft)
    assert twice.text == LAMP
    assert twice.undo is None
    again = catalog.drafts.redo("lamp", 4)

    assert isinstance(again, Draft)
    assert states(again) == ["off", "on", "broken"]


@on_both
def test_nothing_is_undone_before_the_beginning(catalog: Catalog) -> None:
    edit(catalog, 0, AddState(name="broken"))
    catalog.drafts.undo("lamp", 1)

    answer = catalog.drafts.undo("lamp", 2)

    assert isinstance(answer, Draft)
    assert answer.number == 2


@on_both
def test_an_edit_after_an_undo_begins_another_line(catalog: Catalog) -> None:
    edit(catalog, 0, AddState(name="broken"))
    catalog.drafts.undo("lamp", 1)

    after = edit(catalog, 2, AddState(name="dim")).draft

    assert after.redo is None
    assert states(after) == ["off", "on", "dim"]


def test_the_history_survives_a_restart(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'other.sqlite'}"
    first = Catalog.open(url)
    first.register(LAMP.encode())
    edit(first, 0, AddState(name="broken"))
    first.close()

    second = Catalog.open(url)
    answer = second.drafts.undo("lamp", 1)
    second.close()

    assert isinstance(answer, Draft)
    assert answer.text == LAMP
    assert answer.redo == "Add the state broken"


@on_both
def test_edits_in_different_places_are_put_together(catalog: Catalog) -> None:
    edit(catalog, 0, SetState(path="on", changes={"label": "Shining"}), "anna")

    answer = edit(catalog, 0, AddBranch(source="off", cause="event", trigger="PRESS", target="on"), "ben")

    assert [change.words for change in answer.others] == ["Change label of on"]
    document = json.loads(answer.draft.text)
    assert document["states"] == {"off": {"on": {"PRESS": "on"}}, "on": {"label": "Shining"}}


@on_both
def test_an_edit_of_what_another_changed_comes_back_with_the_difference(catalog: Catalog) -> None:
    edit(catalog, 0, RenameState(path="on", name="lit"), "anna")

    answer = catalog.drafts.edit("lamp", 0, SetState(path="on", changes={"label": "Shining"}), "ben")

    assert isinstance(answer, Conflict)
    assert [change.words for change in answer.changes] == ["Rename on to lit"]
    assert [each.pointer for each in answer.theirs] == ["/states/on", "/states/lit"]
    assert [(each.pointer, each.after) for each in answer.mine] == [("/states/on/label", "Shining")]
    assert states(catalog.drafts.of("lamp")) == ["off", "lit"]


@on_both
def test_undoing_what_another_changed_meanwhile_comes_back(catalog: Catalog) -> None:
    edit(catalog, 0, AddState(name="broken"), "anna")
    edit(catalog, 1, AddState(name="dim"), "ben")

    assert isinstance(catalog.drafts.undo("lamp", 1), Conflict)


@on_both
def test_a_number_that_never_was_is_a_conflict_without_a_difference(catalog: Catalog) -> None:
    answer = catalog.drafts.edit("lamp", 99, AddState(name="x"))

    assert isinstance(answer, Conflict)
    assert answer.theirs == ()


@on_both
def test_texts_written_at_once_are_put_together_by_lines(catalog: Catalog) -> None:
    edit(catalog, 0, Rewrite(text=LAMP.replace('"off": {}', '"off": {"label": "Dark"}')), "anna")

    answer = edit(catalog, 0, Rewrite(text=LAMP.replace('"id": "lamp",', '"id": "lamp", "label": "Lamp",')), "ben")

    assert json.loads(answer.draft.text)["label"] == "Lamp"
    assert json.loads(answer.draft.text)["states"]["off"] == {"label": "Dark"}


@on_both
def test_a_text_that_is_no_json_is_kept_and_the_last_sound_one_told(catalog: Catalog) -> None:
    draft = edit(catalog, 0, Rewrite(text=LAMP[:-3])).draft

    assert (draft.text, draft.sound) == (LAMP[:-3], LAMP)
    assert isinstance(catalog.drafts.edit("lamp", 1, AddState(name="x")), EditRefused)


@on_both
def test_typing_is_one_step_to_undo(catalog: Catalog) -> None:
    for number in range(4):
        edit(catalog, number, Rewrite(text=LAMP.replace("lamp", "lamp" + "x" * (number + 1))))

    answer = catalog.drafts.undo("lamp", 4)

    assert isinstance(answer, Draft)
    assert answer.text == LAMP


@on_both
def test_a_document_beyond_the_limit_is_refused(catalog: Catalog) -> None:
    answer = catalog.drafts.edit("lamp", 0, Rewrite(text="x" * 600_000))

    assert isinstance(answer, EditRefused)
    assert "524,288" in answer.sentence


@on_both
def test_the_history_is_bounded(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drafts, "STEPS", 5)
    monkeypatch.setattr(drafts, "CHANGES", 10)
    for number in range(40):
        edit(catalog, number, SetState(path="on", changes={"label": f"no {number}"}))

    back = 0
    answer = catalog.drafts.of("lamp")
    while answer.undo is not None:
        undone = catalog.drafts.undo("lamp", answer.number)
        assert isinstance(undone, Draft)
        answer, back = undone, back + 1

    assert 4 <= back <= 25
    assert isinstance(catalog.drafts.edit("lamp", 3, AddState(name="x")), Conflict)


@on_both
def test_a_draft_is_discarded(catalog: Catalog) -> None:
    edit(catalog, 0, AddState(name="broken"))

    catalog.drafts.discard("lamp", catalog.drafts.of("lamp").number)

    assert catalog.drafts.of("lamp").number == 0
    assert catalog.drafts.all() == []
