"""What the catalogue promises about documents, revisions and their statuses."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from statewright.catalog import (
    Catalog,
    InvalidDefinition,
    TooManyDefinitions,
    UnknownRevision,
    UnknownType,
    WrongStatus,
)
from statewright.catalog import catalog as limits
from tests.postgresql import on_both


def a_door(**more: Any) -> bytes:
    door = {
        "id": "door",
        "initial": "shut",
        "states": {"shut": {"on": {"OPEN": "open"}}, "open": {"type": "final"}},
        "schemas": {"events": {"OPEN": {}}},
    }
    return json.dumps(door | more, indent=2).encode()


@pytest.fixture
def url(database: str) -> str:
    return database


@pytest.fixture
def catalog(url: str) -> Iterator[Catalog]:
    catalog = Catalog.open(url)
    yield catalog
    catalog.close()


@on_both
def test_a_document_becomes_a_draft_with_the_next_number(catalog: Catalog):
    first = catalog.register(a_door())
    second = catalog.register(a_door(label="Door"))

    assert (first.type, first.revision, first.status, first.created) == ("door", 1, "draft", True)
    assert second.revision == 2


@on_both
def test_the_same_document_is_the_same_revision(catalog: Catalog):
    first = catalog.register(a_door())
    again = catalog.register(a_door())

    assert again.revision == first.revision
    assert not again.created


@on_both
def test_a_document_comes_back_exactly_as_it_went_in(catalog: Catalog):
    text = b'{ "states": {"b": {"type":"final"},   "a": {"on": {"GO": "b"}}},\r\n "initial": "a", "id": "backwards" }\n'
    catalog.register(text)

    assert catalog.document("backwards", 1) == text


@on_both
def test_a_malformed_document_is_refused_with_all_its_problems(catalog: Catalog):
    with pytest.raises(InvalidDefinition) as caught:
        catalog.register(b'{"id": "door", "initial": 1, "statse": {}}')

    assert len(caught.value.problems) >= 2
    assert catalog.types() == []


@on_both
def test_a_draft_with_errors_is_kept_but_not_activated(catalog: Catalog):
    wrong = a_door(initial="nowhere")
    kept = catalog.register(wrong)

    assert any(problem.severity == "error" for problem in kept.problems)
    assert catalog.revision("door", 1).problems == kept.problems
    with pytest.raises(InvalidDefinition):
        catalog.activate("door", 1)
    with pytest.raises(InvalidDefinition):
        catalog.register(wrong, activate=True)
    assert catalog.active("door") is None


@on_both
def test_a_type_has_one_active_revision(catalog: Catalog):
    catalog.register(a_door(), activate=True)
    catalog.register(a_door(label="Door"), activate=True)

    assert [revision.status for revision in catalog.revisions("door")] == ["retired", "active"]
    assert catalog.types()[0].active == 2
    machine = catalog.active("door")
    assert machine is not None
    assert machine.revision == 2


@on_both
def test_a_retired_revision_keeps_its_machine_and_may_return(catalog: Catalog):
    catalog.register(a_door(), activate=True)
    catalog.register(a_door(label="Door"), activate=True)

    assert catalog.machine_of("door", 1).definition.label is None
    assert catalog.activate("door", 1).status == "active"
    assert catalog.revision("door", 2).status == "retired"


@on_both
def test_retiring_the_active_revision_leaves_the_type_without_one(catalog: Catalog):
    catalog.register(a_door(), activate=True)
    catalog.retire("door", 1)

    assert catalog.active("door") is None
    with pytest.raises(UnknownRevision, match="no revision of door is active"):
        catalog.document("door")


@on_both
def test_the_number_of_a_deleted_draft_is_not_given_again(catalog: Catalog):
    catalog.register(a_door())
    catalog.delete_draft("door", 1)

    assert catalog.types() == []
    assert catalog.register(a_door()).revision == 2


@on_both
def test_only_drafts_are_deleted_and_only_others_retired(catalog: Catalog):
    catalog.register(a_door(), activate=True)
    catalog.register(a_door(label="Door"))

    with pytest.raises(WrongStatus):
        catalog.delete_draft("door", 1)
    with pytest.raises(WrongStatus):
        catalog.retire("door", 2)


@on_both
def test_what_is_not_there_is_named(catalog: Catalog):
    catalog.register(a_door())

    with pytest.raises(UnknownType, match="'gate'"):
        catalog.revisions("gate")
    with pytest.raises(UnknownType):
        catalog.document("gate")
    with pytest.raises(UnknownRevision, match="door has no revision 9"):
        catalog.machine_of("door", 9)


@on_both
def test_what_was_registered_is_there_after_a_restart(url: str):
    first = Catalog.open(url)
    first.register(a_door(), activate=True)
    first.close()

    second = Catalog.open(url)
    machine = second.active("door")
    second.close()

    assert machine is not None
    assert machine.revision == 1


@on_both
def test_an_activation_by_another_process_is_seen_at_the_next_refresh(url: str, catalog: Catalog):
    other = Catalog.open(url)
    other.register(a_door(), activate=True)

    assert catalog.active("door") is None
    catalog.refresh()
    assert catalog.active("door") is not None
    assert catalog.machine_of("door", 1) is catalog.active("door")
    other.close()


@on_both
def test_personal_fields_forbid_activation_unless_the_risk_is_taken(url: str, catalog: Catalog):
    personal = a_door(
        schemas={"context": {"properties": {"owner": {"type": "string", "personal": True}}}, "events": {}}
    )

    with pytest.raises(InvalidDefinition) as caught:
        catalog.register(personal, activate=True)
    problem = next(p for p in caught.value.problems if p.code == "unprotected_personal_data")
    assert problem.pointer == "/schemas/context/properties/owner"
    assert problem.line is not None
    assert "--allow-unprotected-personal-data" in (problem.fix or "")
    bold = Catalog.open(url, allow_unprotected_personal_data=True)
    assert bold.register(personal, activate=True).status == "active"
    bold.close()


@on_both
def test_a_relation_to_an_unregistered_type_is_a_warning(catalog: Catalog):
    text = a_door(relations={"house": {"entity": "house", "key": "house_id"}})

    found = [problem for problem in catalog.check(text) if problem.code == "unregistered_type"]

    assert [problem.severity for problem in found] == ["warning"]


@on_both
def test_what_is_read_of_a_related_entity_is_held_to_the_active_revision_of_its_type(catalog: Catalog):
    house = {"id": "house", "initial": "a", "states": {"a": {"type": "final"}},
             "schemas": {"context": {"required": ["rent"], "properties": {"rent": {"type": "integer"}}}}}  # fmt: skip
    guard = {"@expr": "has(related.house) && related.house.rent == 'high'"}
    door = a_door(
        relations={"house": {"entity": "house", "key": "house_id"}},
        states={"shut": {"on": {"OPEN": {"target": "open", "guard": guard}}}, "open": {"type": "final"}},
    )
    unknown = {problem.code for problem in catalog.check(door)}

    catalog.register(json.dumps(house).encode(), activate=True)

    assert "type_mismatch" not in unknown
    assert "type_mismatch" in {problem.code for problem in catalog.check(door)}


@on_both
def test_a_full_catalogue_says_so(catalog: Catalog, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(limits, "REVISIONS", 1)
    catalog.register(a_door())

    with pytest.raises(TooManyDefinitions, match="1 revisions of door"):
        catalog.register(a_door(label="Door"))
