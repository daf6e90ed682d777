"""May an event happen now? Three answers, and the reason for a no."""

from __future__ import annotations

from typing import Any

import pytest

from statewright.machine.asking import May, may
from statewright.machine.decide import Event, Why
from statewright.machine.record import Actor
from tests.machine.charts import Life, chart

CLERK = Actor("anna", ("clerk",))


def asked(branches: Any, actor: Actor | None = CLERK, **data: Any) -> May:
    states = {"a": {"on": {"E": branches}}, "b": {}, "end": {"type": "final"}}
    life = Life(chart(states, roles={"clerk": {}, "boss": {}}), **data)
    assert life.head is not None
    return may(life.machine, life.head, Event("E", actor=actor or Actor()), known=actor is not None)


def when(expr: str, **keys: Any) -> dict[str, Any]:
    return {"target": "b", "guard": {"@expr": expr}, **keys}


@pytest.mark.parametrize(
    ("branches", "answer", "why"),
    [
        ("b", "yes", None),
        ({}, "no", Why.NOT_IN_THIS_STATE),
        ({"target": "b", "allow": ["clerk"]}, "yes", None),
        ({"target": "b", "allow": ["boss"]}, "no", Why.NOT_ALLOWED),
        (when("context.n > 1"), "yes", None),
        (when("context.n > 9"), "no", Why.GUARD_REFUSED),
        (when("event.n > 1"), "depends", None),
        (when("context.n > 9 && event.n > 1"), "no", Why.GUARD_REFUSED),
        (when("context.n > 1 || event.n > 1"), "yes", None),
        ([when("event.n > 1"), "b"], "yes", None),
        ([when("event.n > 1"), when("context.n > 9")], "depends", None),
        ([when("context.n > 9"), when("context.n > 1", allow=["boss"])], "no", Why.NOT_ALLOWED),
        ([when("event.n > 1"), {"target": "b", "allow": ["boss"]}], "depends", Why.NOT_ALLOWED),
        (when("context.nothing > 1"), "no", Why.GUARD_ERROR),
    ],
)
def test_an_event_may_happen_may_not_or_depends(branches: Any, answer: str, why: Why | None) -> None:
    found = asked(branches, n=5)

    assert (found.answer, found.why) == (answer, why)


def test_where_nobody_is_known_a_role_is_what_it_depends_on() -> None:
    found = asked({"target": "b", "allow": ["boss"]}, actor=None)

    assert (found.answer, found.why, found.detail) == ("depends", Why.NOT_ALLOWED, "it takes the role boss")


def test_a_no_by_a_guard_says_what_is_false() -> None:
    found = asked(when("context.n > 9"), n=5)

    assert found.explanation[0].where["context.n"] == 5


def region(branch: Any) -> dict[str, Any]:
    return {"initial": "a", "states": {"a": {"on": {"E": branch}}, "b": {}}}


@pytest.mark.parametrize(
    ("one", "two", "answer"),
    [
        (when("context.n > 9"), "b", "yes"),
        (when("event.n > 9"), "b", "yes"),
        ({"target": "b", "allow": ["boss"]}, "b", "no"),
        (when("event.n > 9", allow=["boss"]), "b", "depends"),
        (when("context.n > 9"), when("context.n > 9"), "no"),
        (when("context.nothing > 9"), "b", "no"),
    ],
)
def test_every_region_has_its_say(one: Any, two: Any, answer: str) -> None:
    machine = chart({"one": region(one), "two": region(two)}, type="parallel", roles={"boss": {}})
    life = Life(machine, n=5)
    assert life.head is not None

    assert may(machine, life.head, Event("E")).answer == answer


def test_nothing_may_happen_to_what_has_ended() -> None:
    life = Life(chart({"a": {"on": {"E": "end"}}, "end": {"type": "final"}}))
    life.send("E")
    assert life.head is not None

    assert may(life.machine, life.head, Event("E")).why is Why.FINAL
