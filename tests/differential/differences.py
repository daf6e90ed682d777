"""Where our machines and XState's part, on purpose: each has its row in the language's reference."""

from __future__ import annotations

from msgspec import Struct


class Difference(Struct, frozen=True):
    """One way in which the two differ: the row of the reference that says so, what XState does, what we do,
    and why."""

    name: str
    row: str
    xstate: str
    ours: str
    reason: str


DIFFERENCES = (
    Difference(
        "refusal",
        "An event that nothing takes",
        "an event that no transition takes is ignored",
        "it is refused, with a reason; nothing changes either",
        "whoever sent it must know that it had no effect",
    ),
    Difference(
        "write_conflict",
        "Two regions write one field in one step",
        "of two transitions of one microstep that write the same field, the later in document order wins",
        "the event is refused with `write_conflict`",
        "the order of regions must not decide what data say",
    ),
    Difference(
        "unstable",
        "More than 100 steps, or 64 actions",
        "a run goes on until `maxIterations`, by default for ever",
        "more than 100 microsteps refuse the event with `unstable`, the cycle named; more than 64 actions with "
        "`too_large`",
        "one event must come to an end, for everybody who waits behind it",
    ),
    Difference(
        "every_leaf_selects",
        "A region's leaf takes nothing, and its parallel parent or a state above takes the event, "
        "while another region's leaf takes it too",
        "where a region of a parallel state takes an event, its ancestors are not asked for the other regions",
        "every active leaf looks for its own transition up to the root; of conflicting ones the descendant's wins",
        "SCXML, appendix D (selectTransitions, removeConflictingTransitions)",
    ),
    Difference(
        "always_in_order",
        "Branches of `always` in two regions that lead out of both",
        "the one of the region that was entered first is taken",
        "the first in the order of the document is taken",
        "SCXML, appendix D: of conflicting transitions the first in document order; how one came there must not decide",
    ),
    Difference(
        "idle_always",
        "A branch of `always` that changes nothing, and stays enabled",
        "a transition without event that changes nothing is taken once and not tried again",
        "it is taken again, and refuses the event with `unstable`",
        "SCXML, appendix D: a run ends when no transition is enabled",
    ),
    Difference(
        "own_events",
        "`*` and the machine's own events (`done.state.…`, `after.…`)",
        "`*` takes what timers and ended states send to the machine itself as well",
        "`*` takes what could be sent from outside, or was raised; `after` and `onDone` belong to their state alone",
        "a wildcard that is meant for unforeseen events must not stop a deadline",
    ),
    Difference(
        "entered_without_exit",
        "A history state that leads back into a state where its branch stands",
        "a history state that leads back into a state around its transition's source runs entry actions of states that "
        "were not exited",
        "what was not exited is not entered",
        "SCXML 3.13: a state that stays active is neither exited nor entered",
    ),
    Difference(
        "due_together",
        "Timers that are due at the same moment",
        "timers that are due at the same moment fire in the order in which they started",
        "by due time, then in the order of the document",
        "what was started together must not depend on how",
    ),
    Difference(
        "end",
        "When the whole comes to its end",
        "when the machine ends, all active states are exited and their exit actions run",
        "the configuration of a final entity stays as it is; nothing is exited",
        "where an entity ended must be seen for good",
    ),
    Difference(
        "guard_error",
        "A guard that fails",
        "an error in a guard stops the actor",
        "it refuses the event with `guard_error`, and nothing changes",
        "one bad event must not stop an entity's life",
    ),
)
