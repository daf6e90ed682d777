"""Migrations: which revisions they move, where each state goes, and what is said twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from statewright.machine.definition import Migration
from statewright.machine.lint.survey import Survey
from statewright.machine.names import nearest
from statewright.machine.problem import Problem, child, error, pointer_of, shown
from statewright.machine.surroundings import Other, Surroundings


def problems_of(survey: Survey, around: Surroundings) -> Iterator[Problem]:
    """What is wrong with `migrations`, but for their patches and expressions."""
    seen: dict[int, int] = {}
    for index, migration in enumerate(survey.definition.migrations):
        pointer = pointer_of("migrations", index)
        yield from _revisions(migration, index, pointer, seen)
        yield from _states(survey, migration, child(pointer, "states"))
        if around.revisions is not None:
            yield from _earlier(migration, pointer, around.revisions)
    if survey.definition.migrations:
        sentence = "migrations are part of the language, but this release does not carry them out yet"
        yield error("not_supported_yet", "/migrations", sentence, "keep the draft, and activate it after an upgrade")


def _revisions(migration: Migration, index: int, pointer: str, seen: dict[int, int]) -> Iterator[Problem]:
    if not migration.from_:
        yield error("bad_migration", child(pointer, "from"), "the list names no revision", "name those to move")
    for position, revision in enumerate(migration.from_):
        at = pointer + pointer_of("from", position)
        if revision < 1:
            yield error("bad_migration", at, f"there is no revision {revision}; they are numbered from 1")
        elif revision in seen:
            where = "twice" if seen[revision] == index else f"by migration {seen[revision] + 1} already"
            yield error("bad_migration", at, f"revision {revision} is named {where}", "name it once")
        seen.setdefault(revision, index)


def _earlier(migration: Migration, pointer: str, known: Mapping[int, Other]) -> Iterator[Problem]:
    """What is said of revisions that are not there, and of states that none of them has."""
    there = [known[revision] for revision in migration.from_ if revision in known]
    for position, revision in enumerate(migration.from_):
        if revision >= 1 and revision not in known:
            sentence = f"revision {revision} is not registered"
            yield error("bad_migration", pointer + pointer_of("from", position), sentence, "name one that is")
    states = [path for old in there for path in old.states]
    for old in migration.states if there else ():
        if old not in states:
            near = nearest(old, states)
            sentence = f"no revision to move from has a state {shown(old)}"
            yield error("unknown_state", pointer + pointer_of("states", old), sentence, near and f"write {near!r}")


def _states(survey: Survey, migration: Migration, pointer: str) -> Iterator[Problem]:
    for old, new in migration.states.items():
        at = child(pointer, old)
        if new not in survey.states.by_path:
            near = survey.meant(new, survey.states.by_path)
            yield error("unknown_state", at, f"there is no state {shown(new)} to move to", near)
        elif survey.kinds[new] == "history":
            yield error("bad_migration", at, f"{shown(new)} is a history state, which is never active",
                        "name the state to be in")  # fmt: skip
