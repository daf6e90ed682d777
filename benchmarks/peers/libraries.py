"""How many events other Python libraries take a second, the same ring of states: run in an environment that has them.

`python libraries.py transitions|statemachine|sismic SECONDS` prints the rate. Nothing of Statewright is imported.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

STATES = [f"s{number}" for number in range(6)]
FOLLOWING = dict(zip(STATES, [*STATES[1:], STATES[0]], strict=True))
LIMIT = 100


def of_transitions() -> Callable[[], object]:
    """https://github.com/pytransitions/transitions"""
    from transitions import Machine

    class Thing:
        def within(self, amount: int) -> bool:
            return amount <= LIMIT

    thing = Thing()
    machine = Machine(thing, states=STATES, initial="s0", auto_transitions=False)
    for source, target in FOLLOWING.items():
        machine.add_transition("go", source, target, conditions="within")
    return lambda: thing.go(50)  # type: ignore[attr-defined]  # made by the library


def of_statemachine() -> Callable[[], object]:
    """https://github.com/fgmacedo/python-statemachine"""
    from statemachine import State, StateMachine

    made = {name: State(initial=name == "s0") for name in STATES}
    go = None
    for source, target in FOLLOWING.items():
        step = made[source].to(made[target], cond="within")
        go = step if go is None else go | step

    def within(self: object, amount: int) -> bool:
        return amount <= LIMIT

    thing = type("Thing", (StateMachine,), {**made, "go": go, "within": within})()
    return lambda: thing.go(amount=50)


def of_sismic() -> Callable[[], object]:
    """https://github.com/AlexandreDecan/sismic"""
    from sismic.interpreter import Interpreter
    from sismic.io import import_from_yaml

    states = "".join(
        f"\n      - name: {source}\n        transitions:\n          - event: go\n            target: {target}"
        f"\n            guard: event.amount <= limit"
        for source, target in FOLLOWING.items()
    )
    text = f"statechart:\n  name: thing\n  preamble: limit = {LIMIT}\n  root state:\n    name: root\n    initial: s0"
    interpreter = Interpreter(import_from_yaml(f"{text}\n    states:{states}"))
    interpreter.execute()
    return lambda: interpreter.queue("go", amount=50).execute_once()


def rate(step: Callable[[], object], seconds: float) -> float:
    """Steps a second, warmed up first."""
    for _ in range(500):
        step()
    count, began = 0, time.perf_counter()
    while (taken := time.perf_counter() - began) < seconds:
        for _ in range(200):
            step()
        count += 200
    return count / taken


if __name__ == "__main__":
    peers = {"transitions": of_transitions, "statemachine": of_statemachine, "sismic": of_sismic}
    sys.stdout.write(f"{rate(peers[sys.argv[1]](), float(sys.argv[2]))}\n")
