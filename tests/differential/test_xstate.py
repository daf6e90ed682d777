"""Random machines and events decide alike under ours and under XState, but for the differences that are named."""

from __future__ import annotations

import os
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.differential.comparing import Tally, compare
from tests.differential.node import XState
from tests.machine.lives import lives
from tests.machine.machines import FLAT, WHOLE, Sizes

EXAMPLES = int(os.environ.get("STATEWRIGHT_EXAMPLES", "250"))
"""How many machines each test makes up; set the variable to try thousands."""
ENOUGH = 100
"""With fewer machines the shares say nothing, and with some hundred they vary: made-up machines come in families."""
usual = settings(
    max_examples=EXAMPLES,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],  # to explain takes minutes, and tells little
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
)


@pytest.mark.parametrize("sizes", [FLAT, WHOLE], ids=["flat", "chart"])
def test_machines_decide_alike(xstate: XState, sizes: Sizes) -> None:
    tally = Tally()

    @usual
    @given(life=lives(sizes))
    def holds(life: tuple[dict[str, Any], list[dict[str, Any]]]) -> None:
        tally.add(compare(xstate, *life))

    holds()

    print(tally)
    floor = 0.8 if EXAMPLES >= 10 * ENOUGH else 0.7
    if EXAMPLES >= ENOUGH:
        assert tally.whole >= floor * tally.lives, str(tally)
        assert tally.moved >= floor * tally.lives, str(tally)
