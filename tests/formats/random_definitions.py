"""Well-formed documents of every shape: nested, parallel, history, guards, actions, timers, odd names."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

EVENTS = ["GO", "STOP", "order.paid", "order.*", "order.item.added", "*", "Rück gabe", "x=1 (y)"]
NAMES = ["a", "b", "c d", "e-f", "g:h", "Überprüfung", "start", "state", "_end", "漢字", "K/L (m)"]
VALUES = st.one_of(st.none(), st.booleans(), st.integers(-9, 9), st.text(max_size=5), st.just([1, {"x": []}]))
EXPRESSIONS = [
    "context.total > 3",
    "event.amount <= context.total && in_state('a')",
    "has(context.note) || actor.id != 'x'",
    "context.?rate.orValue(1.5) * 2 == 3.0",
    "!in_state('a.b')",
    "event.type == 'GO'",
    'context.name == "it\'s"',
    "true",
]
PATCHES = st.dictionaries(
    st.sampled_from(["total", "note", "name", "odd name"]),
    st.one_of(VALUES, st.just({"@unset": True}), st.sampled_from(EXPRESSIONS).map(lambda text: {"@expr": text})),
    max_size=2,
)
GUARDS = st.one_of(
    st.sampled_from(["fits", "unknown guard"]),
    st.sampled_from(EXPRESSIONS).map(lambda text: {"@expr": text}),
    st.just({"type": "fits", "params": {"limit": 3}}),
)
ACTION = st.one_of(
    st.just("notify"),
    st.just({"type": "notify", "params": {"to": "anna"}}),
    st.just({"type": "raise", "event": {"type": "GO"}}),
    st.just({"type": "raise", "event": {"type": "x=1 (y)", "amount": {"@expr": "context.total"}}}),
    st.just({"type": "emit", "event": {"type": "told", "why": "so <&> \"'"}}),
    st.just({"type": "log", "args": ["now", {"@expr": "context.total"}]}),
    st.just({"type": "assign", "context": {"total": 1, "name": {"@expr": "'x'"}}}),
    st.just({"type": "send", "to": "customer", "event": {"type": "ORDERED"}}),
)
ACTIONS = st.one_of(ACTION, st.lists(ACTION, min_size=1, max_size=3))
DELAYS = st.sampled_from(["PT5S", "P2W", "P14D", "PT336H", "PT0.5S", "until_due", "PT1H30M"])
WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12)


@st.composite
def branch(draw: DrawFn, targets: list[str]) -> Any:
    """One branch, often a shorthand."""
    if draw(st.booleans()):
        return draw(st.sampled_from(targets))
    found: dict[str, Any] = {}
    options: dict[str, st.SearchStrategy[Any]] = {
        "target": st.one_of(st.sampled_from(targets), st.lists(st.sampled_from(targets), min_size=1, max_size=2)),
        "guard": GUARDS,
        "allow": st.lists(st.sampled_from(["clerk", "system"]), max_size=2),
        "keep": st.one_of(st.just("*"), st.just(["note"])),
        "context": PATCHES,
        "actions": ACTIONS,
        "reenter": st.booleans(),
        "label": WORDS,
        "description": WORDS,
        "meta": st.just({"x": 1, "statewright": {"mine": True}}),
    }
    for key, values in options.items():
        if draw(st.integers(0, 3)) == 0:
            found[key] = draw(values)
    return found


def branches(targets: list[str]) -> st.SearchStrategy[Any]:
    """What stands under a descriptor: one branch or several."""
    return st.one_of(branch(targets), st.lists(branch(targets), min_size=1, max_size=3))


@st.composite
def state(draw: DrawFn, depth: int, siblings: list[str], ids: list[str]) -> dict[str, Any]:
    """One state with what is in it."""
    kind = draw(st.sampled_from(["atomic", "atomic", "final", "history", "compound", "parallel"]))
    inner = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True)) if depth else []
    found: dict[str, Any] = {}
    if draw(st.integers(0, 4)) == 0:
        found["id"] = f"id {len(ids)}"
        ids.append(found["id"])
    if kind == "history":
        found["type"] = "history"
        if draw(st.booleans()):
            found["history"] = draw(st.sampled_from(["shallow", "deep"]))
        if draw(st.booleans()):
            found["target"] = draw(st.sampled_from(siblings))
        return found
    targets = [*siblings, *(f".{name}" for name in inner), f"#thing.{siblings[0]}"]
    if kind == "final":
        found["type"] = "final"
    elif kind in ("compound", "parallel") and inner:
        found |= _composite(draw, kind, depth, inner, ids)
        if draw(st.booleans()):
            found["onDone"] = draw(branches(targets))
    if kind != "final":
        found |= draw(_holder(targets))
    if draw(st.booleans()):
        found["tags"] = draw(st.lists(st.sampled_from(["start", "danger", "own"]), min_size=1, max_size=2))
    if draw(st.integers(0, 3)) == 0:
        found |= {"label": draw(WORDS), "sla": {"warn": "PT4H"}, "meta": {"note": [1]}}
    return found


def _composite(draw: DrawFn, kind: str, depth: int, inner: list[str], ids: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "parallel"} if kind == "parallel" else {"initial": inner[0]}
    return {**found, "states": {name: draw(state(depth - 1, inner, ids)) for name in inner}}


@st.composite
def _holder(draw: DrawFn, targets: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if draw(st.booleans()):
        found["on"] = draw(st.dictionaries(st.sampled_from(EVENTS), branches(targets), min_size=1, max_size=3))
    for key, values in (("always", branches(targets)), ("entry", ACTIONS), ("exit", ACTIONS),
                        ("after", st.dictionaries(DELAYS, branches(targets), min_size=1, max_size=2))):  # fmt: skip
        if draw(st.integers(0, 3)) == 0:
            found[key] = draw(values)
    return found


@st.composite
def documents(draw: DrawFn) -> dict[str, Any]:
    """A whole document."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    ids: list[str] = []
    parallel = draw(st.integers(0, 4)) == 0
    found: dict[str, Any] = {"id": "thing", **({"type": "parallel"} if parallel else {"initial": names[0]})}
    found["states"] = {name: draw(state(2, names, ids)) for name in names}
    found |= draw(_holder([f".{name}" for name in names]))
    options: dict[str, st.SearchStrategy[Any]] = {
        "label": WORDS,
        "description": WORDS,
        "context": st.just({"total": 0, "note": None}),
        "schemas": st.just({"context": {"properties": {"total": {"type": "integer"}}}, "events": {"GO": {}}}),
        "roles": st.just({"clerk": {"label": "Clerk"}}),
        "guards": st.just({"fits": {"when": {"@expr": "context.total <= params.limit"}}}),
        "delays": st.just({"until_due": {"duration": {"@expr": "timestamp(context.due) - now"}}}),
        "internalEvents": st.just(["GO"]),
        "keep": st.just("*"),
        "creation": st.just("implicit"),
        "relations": st.just({"customer": {"entity": "customer", "key": "name"}}),
        "migrations": st.just([{"from": [1], "states": {"a": "b"}}]),
        "meta": st.just({"team": "x"}),
        "@exprLang": st.just("cel"),
    }
    for key, values in options.items():
        if draw(st.booleans()):
            found[key] = draw(values)
    return found
