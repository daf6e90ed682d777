"""Branches: where they lead, whether they can be taken at all, and which guards and roles they ask for."""

from __future__ import annotations

from collections.abc import Iterator

from statewright.machine.lint.limits import TARGETS
from statewright.machine.lint.shape import apart
from statewright.machine.lint.survey import Site, Survey, expressions_in, guard_name, parent_of
from statewright.machine.problem import Problem, child, error, pointer_of, shown, warning
from statewright.machine.targets import Path


def problems_of(survey: Survey) -> Iterator[Problem]:
    """What is wrong with single branches, and with their order."""
    yield from _empty_lists(survey)
    yield from _never_reached(survey)
    for site in survey.sites:
        yield from _targets(survey, site)
        yield from _roles(survey, site)
        yield from _guard(survey, site)


def _empty_lists(survey: Survey) -> Iterator[Problem]:
    for path, node in survey.nodes.items():
        for key, listed in (("on", node.on), ("after", node.after)):
            for name, written in listed.items():
                if written == []:
                    at = survey.pointers[path] + pointer_of(key, name)
                    yield warning("no_branches", at, "an empty list forbids nothing and permits nothing", "remove it")


def _never_reached(survey: Survey) -> Iterator[Problem]:
    """Guards are asked in the order of the list, roles aside, so an open branch with `allow` stops the search too."""
    open_in: tuple[Path, str, str] | None = None
    open_at = 0
    for site in survey.sites:
        place = (site.holder, site.cause, site.key)
        if place == open_in:
            sentence = f"this branch can never be taken: branch {open_at + 1} before it has no guard"
            fix = "give the earlier branch a guard, or remove this one"
            yield error("unreachable_branch", site.pointer, sentence, fix)
        elif site.branch.guard is None:
            open_in, open_at = place, site.index


def _targets(survey: Survey, site: Site) -> Iterator[Problem]:
    if site.branch.target is None:
        return
    at = child(site.pointer, "target")
    listed = isinstance(site.branch.target, list)
    if not site.targets:
        yield error("bad_targets", at, "an empty list leads nowhere", "leave `target` out: the state is then kept")
    found: list[Path] = []
    for index, target in enumerate(site.targets[:TARGETS]):
        state = survey.resolve(target, site.holder)
        if state is None:
            yield _unknown(survey, site.holder, target, child(at, index) if listed else at)
        else:
            found.append(state)
    yield from apart(survey, found, at)


def _unknown(survey: Survey, holder: Path, target: str, pointer: str) -> Problem:
    where = f"the state {shown(holder)}" if holder else "the definition itself"
    near = survey.meant(target, survey.beside(holder)) or _elsewhere(survey, holder, target)
    if near is None and not holder and not target.startswith((".", "#")):
        near = "write `.state`, or `#id.state` with the definition's id"
    return error("unknown_target", pointer, f"{shown(target)}, written in {where}, names no state", near)


def _elsewhere(survey: Survey, holder: Path, target: str) -> str | None:
    """How to reach the one state of that name that stands somewhere else."""
    name = target.rpartition(".")[2].lstrip("#.")
    found = survey.by_name.get(name, ())
    if len(found) != 1:
        return None
    state = found[0]
    if parent_of(state) == holder:
        return f"write '.{name}': it is a child of this state"
    return f"write '#{survey.definition.id}.{state}'"


def _roles(survey: Survey, site: Site) -> Iterator[Problem]:
    roles = survey.definition.roles
    if site.branch.allow is not None:
        fix = "remove `allow`"
        at = child(site.pointer, "allow")
        if site.cause != "on":
            yield error("allow_without_sender", at, f"nobody sends what is taken by `{site.cause}`", fix)
        elif site.key in survey.definition.internal_events:
            yield error("allow_without_sender", at, f"{shown(site.key)} is internal: nobody sends it", fix)
        elif not site.branch.allow:
            yield warning(
                "nobody_allowed", at, "the list is empty, so nobody may send this", "name roles, or remove it"
            )
    for index, role in enumerate(site.branch.allow or ()):
        if role != "system" and role not in roles:
            fix = survey.meant(role, [*roles, "system"]) or "declare it under `roles`"
            yield error("unknown_role", site.pointer + pointer_of("allow", index), f"there is no role {shown(role)}",
                        fix)  # fmt: skip


def _guard(survey: Survey, site: Site) -> Iterator[Problem]:
    guard = site.branch.guard
    if guard is None:
        return
    at = child(site.pointer, "guard")
    name = guard_name(guard)
    if name is not None:
        if name not in survey.definition.guards:
            fix = survey.meant(name, survey.definition.guards) or "define it under `guards`"
            yield error("unknown_guard", at, f"there is no guard {shown(name)}", fix)
        yield from _asking(guard, at)
    elif not (isinstance(guard, dict) and set(guard) == {"@expr"} and isinstance(guard["@expr"], str)):
        yield error("bad_guard", at, "a guard is a name, a name with `params`, or an expression",
                    'write "name", {"type": "name", "params": {…}} or {"@expr": "…"}')  # fmt: skip


def _asking(guard: object, pointer: str) -> Iterator[Problem]:
    if not isinstance(guard, dict):
        return
    for key, value in guard.items():
        if key not in ("type", "params"):
            yield error("bad_guard", child(pointer, key), f"a named guard has no key {shown(key)}", "remove it")
        elif key == "params" and not isinstance(value, dict):
            yield error("bad_guard", child(pointer, key), "`params` is an object", 'write {"limit": 3}')
        elif key == "params" and any(expressions_in(value, "")):
            yield error("bad_guard", child(pointer, key), "`params` are constants", "read the data in the guard itself")


def definitions_of(survey: Survey) -> Iterator[Problem]:
    """What is wrong with the guards under `guards`, but for their expressions."""
    for name, guard in survey.definition.guards.items():
        at = pointer_of("guards", name)
        if not isinstance(guard, dict) or "when" not in guard:
            yield error("bad_guard", at, "a guard says under `when` what must hold",
                        'write {"when": {"@expr": "…"}}')  # fmt: skip
            continue
        when = guard["when"]
        if when is None:
            yield error("guard_to_fill", child(at, "when"), f"the guard {shown(name)} does not say yet what must hold",
                        'write {"@expr": "…"} in its place')  # fmt: skip
        elif not isinstance(when, dict) or set(when) != {"@expr"} or not isinstance(when["@expr"], str):
            yield error("bad_guard", child(at, "when"), "a guard is one expression", 'write {"@expr": "…"}')
        for key in guard:
            if key not in ("when", "label", "description", "meta"):
                fix = survey.meant(key, ("when", "label", "description", "meta")) or "put free content into `meta`"
                yield error("bad_guard", child(at, key), f"a guard has no key {shown(key)}", fix)
