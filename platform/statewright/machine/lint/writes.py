"""Who writes what: regions that would write the same field at once, and required data that nobody writes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from statewright.machine.lint.actions import wildcards_of
from statewright.machine.lint.data import UNSET
from statewright.machine.lint.flow import Flow
from statewright.machine.lint.keep import kept
from statewright.machine.lint.survey import Site, Survey, assigned
from statewright.machine.problem import Problem, child, error, pointer_of, shown, warning
from statewright.machine.targets import Path


class Writer(NamedTuple):
    """A branch that writes a field, in one region (the `order`th); `keeps` when it only keeps what an event carried."""

    region: Path
    order: int
    site: Site
    keeps: bool
    guard: bytes


def problems_of(flow: Flow) -> Iterator[Problem]:
    """Conflicts between regions, and creations and branches that would leave required data out."""
    survey = flow.survey
    for path in survey.nodes:
        if survey.kinds[path] == "parallel":
            yield from _conflicts(flow, path)
    yield from _missing(flow)


# --- two regions, one field

_Writers = dict[str, dict[str, list[Writer]]]
"""By event descriptor (`always` has the empty one) and field, at most one writer a region and guard."""


def _conflicts(flow: Flow, parallel: Path) -> Iterator[Problem]:
    writers = _writers(flow, parallel)
    told: set[tuple[str, str]] = set()
    for event, fields in writers.items():
        rivals = [writers[wild] for wild in (*wildcards_of(event),) if event and wild != event and wild in writers]
        for field, own in fields.items():
            others = [writer for wild in rivals for writer in wild.get(field, ())]
            pair = _pair(own, [*own, *others])
            if pair is None or (pair[1].site.pointer, field) in told:
                continue
            told.add((pair[1].site.pointer, field))
            yield _conflict(event, field, *pair)


def _conflict(event: str, field: str, one: Writer, other: Writer) -> Problem:
    when = f"on {shown(event)}" if event else "at once"
    sentence = f"{shown(one.region)} and {shown(other.region)} both write {shown(field)} {when}"
    fix = "let one of the two write it, or let it follow by an event that one of them raises"
    if one.guard and other.guard and one.guard != other.guard:
        sentence += ", if both guards hold"
        return warning("perhaps_write_conflict", other.site.pointer, sentence, fix)
    return error("write_conflict", other.site.pointer, sentence, fix)


def _pair(own: list[Writer], all_of_them: list[Writer]) -> tuple[Writer, Writer] | None:
    """Two writers in different regions, if possible two that certainly meet."""
    perhaps: tuple[Writer, Writer] | None = None
    for one in own:
        for other in all_of_them:
            if one.region == other.region or (one.keeps and other.keeps):
                continue  # what both keep is the same value, whoever comes first
            if not (one.guard and other.guard) or one.guard == other.guard:
                return _in_order(one, other)
            perhaps = perhaps or _in_order(one, other)
    return perhaps


def _in_order(one: Writer, other: Writer) -> tuple[Writer, Writer]:
    return (one, other) if one.order < other.order else (other, one)


def _writers(flow: Flow, parallel: Path) -> _Writers:
    survey = flow.survey
    found: _Writers = {}
    for order, region in enumerate(survey.children[parallel]):
        for path in _inside(survey, region):
            for site in flow.live[path]:
                if site.cause not in ("on", "always") or not _stays_inside(survey, site, region):
                    continue
                guard = b"" if site.branch.guard is None else msgspec.json.encode(site.branch.guard)
                for field, keeps in _fields(flow, site).items():
                    writers = found.setdefault(site.key, {}).setdefault(field, [])
                    if len(writers) < 64 and not any(w.region == region and w.guard == guard for w in writers):
                        writers.append(Writer(region, order, site, keeps, guard))
    return found


def _inside(survey: Survey, path: Path) -> Iterator[Path]:
    yield path
    for inner in survey.children[path]:
        yield from _inside(survey, inner)


def _stays_inside(survey: Survey, site: Site, region: Path) -> bool:
    """Whether a branch leaves the other regions alone; one that does not is taken instead of theirs."""
    return all(survey.is_below(target, region) for target in survey.targets[site.pointer])


def _fields(flow: Flow, site: Site) -> dict[str, bool]:
    """The fields that a branch writes with the exits and entries it brings; whether it only keeps them."""
    survey = flow.survey
    found = dict.fromkeys(kept(survey, site), True)
    found.update(dict.fromkeys(site.branch.context, False))
    found.update(dict.fromkeys(_assigned(survey, site.branch.actions), False))
    if site.targets:
        if not all(survey.is_below(target, site.holder) for target in survey.targets[site.pointer]):
            found.update(dict.fromkeys(_assigned(survey, survey.nodes[site.holder].exit), False))
        for path in flow.entered(site):
            found.update(dict.fromkeys(_assigned(survey, survey.nodes[path].entry), False))
    return found


def _assigned(survey: Survey, written: object) -> Iterator[str]:
    if isinstance(written, dict):
        yield from assigned(written)
    elif isinstance(written, list):
        for action in written:
            if isinstance(action, dict):
                yield from assigned(action)


# --- required data


def _missing(flow: Flow) -> Iterator[Problem]:
    survey = flow.survey
    context = survey.context
    if context is None:
        return
    for field, pointer in _removed(survey):
        if field in context.required:
            yield warning("maybe_missing", pointer, f"{shown(field)} is required in the data and is removed here",
                          "write it again on entry, or leave it out of `required`")  # fmt: skip
    begun = _written_at_creation(flow)
    for field in sorted(context.required & set(context.fields) - begun):
        at = pointer_of("schemas", "context", "properties", field)
        if field in context.read_only:
            sentence = f"{shown(field)} is required and readOnly, and nothing writes it when an entity is created"
            yield warning("maybe_missing", at, sentence, "give it a `default`, or write it in `context`")
        elif survey.definition.creation == "implicit" and not _first_events_write(flow, field):
            sentence = f"{shown(field)} is required, and the event that creates an entity need not bring it"
            yield warning("maybe_missing", at, sentence, "give it a `default`, or let callers send it as `create`")


def _removed(survey: Survey) -> Iterator[tuple[str, str]]:
    for site in survey.sites:
        for field, value in site.branch.context.items():
            if value == UNSET:
                yield field, child(site.pointer, "context") + pointer_of(field)
    for doing in survey.doings:
        for field, value in assigned(doing.action).items():
            if value == UNSET:
                yield field, child(doing.pointer, "context") + pointer_of(field)


def _written_at_creation(flow: Flow) -> set[str]:
    """The fields that are there whatever the caller sends: defaults, the machine's, and what first entries assign."""
    survey = flow.survey
    found = set(survey.definition.context)
    if survey.context is not None:
        fields = survey.context.fields.items()
        found |= {name for name, field in fields if isinstance(field, dict) and "default" in field}
    for path in flow.default(""):
        found.update(_assigned(survey, survey.nodes[path].entry))
    return found


def _first_events_write(flow: Flow, field: str) -> bool:
    """Whether every event that the first state takes brings the field along."""
    survey = flow.survey
    begins = [site for path in flow.default("") for site in flow.live[path] if site.cause == "on"]
    taken = [site for site in begins if not site.branch.forbids or site.targets]
    return bool(taken) and all(_writes(survey, site, field) for site in taken)


def _writes(survey: Survey, site: Site, field: str) -> bool:
    if field in site.branch.context or field in {*_assigned(survey, site.branch.actions)}:
        return True
    schema = survey.events.get(site.event or "")
    if field not in kept(survey, site) and not (schema is None and survey.definition.keep == "*"):
        return False
    return schema is None or field in schema.required
