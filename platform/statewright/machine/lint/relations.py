"""Relations to other entities, and the field that places entities where the log is spread."""

from __future__ import annotations

import re
from collections.abc import Iterator

from statewright.machine.definition import Relation
from statewright.machine.lint.keep import types_of
from statewright.machine.lint.survey import Survey
from statewright.machine.problem import Problem, child, error, pointer_of, shown

_TYPE_NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


def problems_of(survey: Survey) -> Iterator[Problem]:
    """What is wrong with the declarations of relations."""
    for name, relation in survey.definition.relations.items():
        yield from _relation(survey, relation, pointer_of("relations", name))
    if survey.definition.partition_by is not None:
        yield from _partition(survey, survey.definition.partition_by)


def _relation(survey: Survey, relation: Relation, pointer: str) -> Iterator[Problem]:
    if not _TYPE_NAME.fullmatch(relation.entity):
        yield error("bad_relation", child(pointer, "entity"), f"{shown(relation.entity)} is no name of an entity type",
                    "name the `id` of a definition")  # fmt: skip
    if (relation.key is None) == (relation.inverse is None):
        yield error("bad_relation", pointer, "a relation has a `key` of our own, or is the `inverse` of another's",
                    'write "key" with a field of the data')  # fmt: skip
    elif relation.key is not None:
        yield from _key(survey, relation, relation.key, child(pointer, "key"))


def _key(survey: Survey, relation: Relation, key: str, pointer: str) -> Iterator[Problem]:
    if survey.context is None:
        return
    if key not in survey.context.fields:
        fix = survey.meant(key, survey.context.fields) or "declare it in `schemas.context`"
        yield error("bad_relation", pointer, f"the schema of the data has no field {shown(key)}", fix)
    elif key in survey.context.personal:
        yield error("personal_leak", pointer, "a personal field cannot be a relation's key",
                    "refer by a number that says nothing of the person")  # fmt: skip
    else:
        field = survey.context.fields[key]
        kinds = types_of(field) if isinstance(field, dict) else set()
        wanted = "string" if relation.cardinality == "one" else "array"
        if kinds and wanted not in kinds:
            what = "the id of one entity: text" if wanted == "string" else "the ids of several entities: a list"
            yield error("bad_relation", pointer, f"{shown(key)} must hold {what}",
                        'change its type, or the relation\'s `cardinality`')  # fmt: skip


def _partition(survey: Survey, field: str) -> Iterator[Problem]:
    context = survey.context
    if context is not None and field not in context.fields:
        fix = survey.meant(field, context.fields) or "declare it in `schemas.context`"
        yield error("unknown_field", "/partition_by", f"the schema of the data has no field {shown(field)}", fix)
    elif context is not None and field in context.personal:
        yield error("personal_leak", "/partition_by", "a personal field cannot place entities: it can be erased",
                    "name another field")  # fmt: skip
    sentence = "logs spread over partitions are part of the language, but this release does not carry them out yet"
    yield error("not_supported_yet", "/partition_by", sentence, "keep the draft, and activate it after an upgrade")
