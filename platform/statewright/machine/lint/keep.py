"""What becomes data of what an event carries, and that nothing personal ends up where it could not be erased."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from statewright.machine.lint.survey import Site, Survey
from statewright.machine.problem import Problem, child, error, pointer_of, shown, warning
from statewright.machine.schemas import Schema


def problems_of(survey: Survey) -> Iterator[Problem]:
    """What is wrong with `keep`, the definition's and each branch's."""
    default = survey.definition.keep
    if isinstance(default, list):
        for index, field in enumerate(default):
            yield from _in_context(survey, field, pointer_of("keep", index))
    for site in survey.sites:
        keep = site.branch.keep
        if keep and site.cause in ("after", "onDone"):
            at = child(site.pointer, "keep")
            yield warning("no_effect", at, f"what is taken by `{site.cause}` carries nothing to keep", "remove `keep`")
        elif isinstance(keep, list):
            yield from _listed(survey, site, keep)
        yield from _leaks(survey, site)


def _listed(survey: Survey, site: Site, keep: Sequence[str]) -> Iterator[Problem]:
    schema = survey.events.get(site.event or "")
    for index, field in enumerate(keep):
        at = site.pointer + pointer_of("keep", index)
        if field in site.branch.context:
            yield error("keep_and_patch", at, f"{shown(field)} is both kept and patched by this branch",
                        "leave it to one of the two")  # fmt: skip
        if schema is not None and field not in schema.fields:
            fix = survey.meant(field, schema.fields) or "declare it there"
            yield error("keep_undeclared", at, f"the schema of {shown(site.key)} has no field {shown(field)}", fix)
        yield from _in_context(survey, field, at)
        both = schema is not None and survey.context is not None
        if both and not compatible(_field(schema, field), _field(survey.context, field)):
            sentence = f"{shown(field)} has another type in the data than in {shown(site.key)}"
            yield error("keep_type", at, sentence, "give it one type in both")


def _in_context(survey: Survey, field: str, pointer: str) -> Iterator[Problem]:
    if survey.context is None:
        return
    if field not in survey.context.fields:
        fix = survey.meant(field, survey.context.fields) or "declare it in `schemas.context`"
        yield error("keep_undeclared", pointer, f"the schema of the data has no field {shown(field)}", fix)
    elif field in survey.context.read_only:
        yield error("keep_read_only", pointer, f"{shown(field)} is readOnly: only patches may write it",
                    "write it by a patch, or keep another field")  # fmt: skip


def kept(survey: Survey, site: Site) -> list[str]:
    """The fields that a branch certainly may keep: those that its `keep`, or the definition's, names."""
    keep = site.branch.keep if site.branch.keep is not None else survey.definition.keep
    if keep is None or site.cause in ("after", "onDone"):
        return []
    schema = survey.events.get(site.event or "")
    if keep == "*":
        if schema is None:
            return []
        context = survey.context
        return [
            field
            for field in schema.fields
            if field not in site.branch.context
            and (context is None or (field in context.fields and field not in context.read_only))
        ]
    return [field for field in keep if field not in site.branch.context and (schema is None or field in schema.fields)]


def _leaks(survey: Survey, site: Site) -> Iterator[Problem]:
    schema = survey.events.get(site.event or "")
    if schema is None or not schema.personal:
        return
    context = survey.context
    for field in kept(survey, site):
        if field in schema.personal and (context is None or field not in context.personal):
            if context is not None and field not in context.fields:
                continue  # told as `keep_undeclared`
            sentence = f"{shown(field)} is personal in {shown(site.key)} and would be kept in data that is not"
            yield error("personal_leak", site.pointer, sentence, 'mark it `"personal": true` in `schemas.context` too')


def _field(schema: Schema | None, name: str) -> Any:
    return schema.fields.get(name) if schema is not None else None


def compatible(one: Any, other: Any) -> bool:
    """Whether a value that fits `one` can ever fit `other`, as far as their types tell."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return True
    here, there = types_of(one), types_of(other)
    return not here or not there or bool(here & there)


def types_of(written: Mapping[str, Any]) -> set[str]:
    """The JSON types that a schema's `type` admits; empty when it does not say."""
    kind = written.get("type")
    named = [kind] if isinstance(kind, str) else kind if isinstance(kind, list) else []
    kinds = {one for one in named if isinstance(one, str)}
    return kinds | {"integer"} if "number" in kinds else kinds
