"""Where our machines and XState's part, on purpose: the one table, which the documentation repeats."""

from __future__ import annotations

from msgspec import Struct


class Difference(Struct, frozen=True):
    """One way in which the two differ: what XState does, what we do, and why."""

    name: str
    xstate: str
    ours: str
    reason: str


DIFFERENCES = (
    Difference(
        "refusal",
        "an event that no transition takes is ignored",
        "it is refused, with a reason; nothing changes either",
        "whoever sent it must know that it had no effect",
    ),
    Difference(
        "write_conflict",
        "of two transitions of one microstep that write the same field, the later in document order wins",
        "the event is refused with `write_conflict`",
        "the order of regions must not decide what data say",
    ),
    Difference(
        "unstable",
        "a run goes on until `maxIterations`, by default for ever",
        "more than 100 microsteps refuse the event with `unstable`, the cycle named",
        "one event must come to an end, for everybody who waits behind it",
    ),
    Difference(
        "every_leaf_selects",
        "where a region of a parallel state takes an event, its ancestors are not asked for the other regions",
        "every active leaf looks for its own transition up to the root; of conflicting ones the descendant's wins",
        "SCXML, appendix D (selectTransitions, removeConflictingTransitions)",
    ),
    Difference(
        "idle_always",
        "a transition without event that changes nothing is taken once and not tried again",
        "it is taken again, and refuses the event with `unstable`",
        "SCXML, appendix D: a run ends when no transition is enabled",
    ),
    Difference(
        "entered_without_exit",
        "a history state that leads back to where its transition began runs entry actions of states that were not exited",
        "what was not exited is not entered",
        "SCXML 3.13: a state that stays active is neither exited nor entered",
    ),
    Difference(
        "due_together",
        "timers that are due at the same moment fire in the order in which they started",
        "by due time, then in the order of the document",
        "what was started together must not depend on how",
    ),
    Difference(
        "end",
        "when the machine ends, all active states are exited and their exit actions run",
        "the configuration of a final entity stays as it is; nothing is exited",
        "where an entity ended must be seen for good",
    ),
    Difference(
        "guard_error",
        "an error in a guard stops the actor",
        "it refuses the event with `guard_error`, and nothing changes",
        "one bad event must not stop an entity's life",
    ),
)
