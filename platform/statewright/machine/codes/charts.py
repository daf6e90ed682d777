"""The codes for states, and the branches between them."""

from __future__ import annotations

from statewright.machine.codes.row import Row, door, entering, opened, shutting

_ON = {"SHUT": "closed", "BREAK": "broken"}
_REGIONS = {
    "lock": {"initial": "off", "states": {"off": {"on": {"LOCK": "on"}}, "on": {"type": "final"}}},
    "light": {"initial": "off", "states": {"off": {"on": {"LIGHT": "on"}}, "on": {"type": "final"}}},
}

ROWS: dict[str, Row] = {
    "no_states": Row(
        severity="error",
        title="There are no states",
        meaning="An entity is always in a state, so a definition needs at least one.",
        remedy="Write the first state, and name it as `initial`.",
        example={"id": "door", "states": {}},
        pointer="/states",
        mended=door(),
    ),
    "no_initial": Row(
        severity="error",
        title="It is not said where it begins",
        meaning="A definition, and every compound state, says in which of its states it begins.",
        remedy="Write `initial`.",
        example=door(initial=None),
        pointer="",
        mended=door(),
    ),
    "unknown_state": Row(
        severity="error",
        title="There is no such state",
        meaning="`initial` names a direct child; a migration, and `in_state()` in an expression, a state by its full "
        "path, such as `open.wide`.",
        remedy="Write the name of a state that is there.",
        example=door(initial="shut"),
        pointer="/initial",
        mended=door(),
    ),
    "bad_state": Row(
        severity="error",
        title="A state's keys do not go with its type",
        meaning="A compound or parallel state has states in it, an atomic one has none. Nothing begins in a history "
        "state, since there is nothing yet to go back to.",
        remedy="Change `type`, or leave it out: a state with `states` is compound, one without is atomic.",
        example=opened(type="parallel", on=_ON),
        pointer="/states/open",
        mended=opened(on=_ON),
    ),
    "final_with_events": Row(
        severity="error",
        title="A final state goes on",
        meaning="In a final state a life, or a part of it, is over: it has no `on`, `always`, `after`, `onDone` and no "
        "states in it. `entry` is possible.",
        remedy="Remove the key, or the type `final`.",
        example=opened(type="final", on={"SHUT": "closed"}),
        pointer="/states/open/on",
        mended=opened(type="final"),
    ),
    "bad_history": Row(
        severity="error",
        title="A history state is not one, or more than one",
        meaning="A history state has the type `history`, leads back to where its parent was, is never active itself, "
        "and therefore has nothing but `history`, `target` and words for people. Its default `target` lies inside of "
        "its parent.",
        remedy='Write "type": "history", and put everything else into the state that holds it.',
        example=opened(history="deep", on=_ON),
        pointer="/states/open/history",
        mended=opened(on=_ON),
    ),
    "duplicate_id": Row(
        severity="error",
        title="An id is taken",
        meaning="Ids are what `#id` in a target looks for, so each is given once; the definition's own is one of them.",
        remedy="Give one of the two another id.",
        example=opened(id="door", on=_ON),
        pointer="/states/open/id",
        mended=opened(id="wide_open", on=_ON),
    ),
    "unknown_target": Row(
        severity="error",
        title="A target leads nowhere",
        meaning="A target is the name of a state beside the one it is written in, or a path that begins with one; "
        "`.name` for a state inside of it; `#id`, or `#id.path`, from anywhere.",
        remedy="Write one of these; the fix says how to reach the state that was probably meant.",
        example=shutting("clsed"),
        pointer="/states/open/on/SHUT/target",
        mended=shutting("closed"),
    ),
    "bad_targets": Row(
        severity="error",
        title="Targets exclude each other",
        meaning="A list of targets enters several states at once, so each two of them lie in different regions of one "
        "parallel state.",
        remedy="Name one target, or states in different regions.",
        example=shutting({"target": ["closed", "broken"]}),
        pointer="/states/open/on/SHUT/target",
        mended=shutting({"target": ["closed"]}),
    ),
    "unreachable_branch": Row(
        severity="error",
        title="A branch can never be taken",
        meaning="Guards are asked in the order of the list, and a branch without one is taken always. That it has "
        "`allow` does not help: guards are asked first, and roles then only decide whether the sender may.",
        remedy="Give the earlier branch a guard, put it last, or remove this one.",
        example=shutting(["closed", "broken"]),
        pointer="/states/open/on/SHUT/1",
        mended=shutting(["closed"]),
    ),
    "no_branches": Row(
        severity="warning",
        title="A list of branches is empty",
        meaning="It forbids nothing and permits nothing: the event goes to the state around this one.",
        remedy="Remove it. To forbid an event, write `{}`.",
        example=shutting([]),
        pointer="/states/open/on/SHUT",
        mended=shutting({}),
    ),
    "always_cycle": Row(
        severity="error",
        title="Nothing ever stops",
        meaning="`always` without a guard is taken as soon as its state is entered. These lead in a circle, so that no "
        "event would ever come to an end.",
        remedy="Give one of them a guard, or let it wait for an event.",
        example=door(states={"closed": {"always": "open"}, "open": {"always": "closed"}}),
        pointer="/states/closed/always",
        mended=door(states={"closed": {"always": "open"}, "open": {"on": {"SHUT": "closed"}}}),
    ),
    "unknown_role": Row(
        severity="error",
        title="There is no such role",
        meaning="`allow` names a role that `roles` does not declare. `system` is built in.",
        remedy="Declare it, or write the name of one that is.",
        example=shutting({"target": "closed", "allow": ["clerk"]}),
        pointer="/states/open/on/SHUT/allow/0",
        mended=shutting({"target": "closed", "allow": ["clerk"]}, roles={"clerk": {}}),
    ),
    "allow_without_sender": Row(
        severity="error",
        title="Roles where nobody sends",
        meaning="`always`, `after` and `onDone` are taken by the platform, and internal events are raised by the "
        "machine, so there is nobody whose roles could be looked at.",
        remedy="Remove `allow`. To make it depend on something, write a guard.",
        example=opened(after={"PT1H": {"target": "closed", "allow": ["system"]}}),
        pointer="/states/open/after/PT1H/allow",
        mended=opened(after={"PT1H": "closed"}),
    ),
    "nobody_allowed": Row(
        severity="warning",
        title="Nobody may send it",
        meaning="The list of roles is empty, so that every sender is refused.",
        remedy="Name roles, or remove `allow`: then anyone may who may send the event at all.",
        example=shutting({"target": "closed", "allow": []}),
        pointer="/states/open/on/SHUT/allow",
        mended=shutting({"target": "closed"}),
    ),
    "bad_action": Row(
        severity="error",
        title="An action is not complete",
        meaning="`assign` has `context`; `raise` and `emit` have `event`, an object with its name as `type`; `log` has "
        "`args`, a list; `send` has `to` and `event`. Any other name is an effect for services, with `params`. The "
        "platform runs no code and no action waits.",
        remedy="Write what the sentence asks for. To wait, use `after`.",
        example=entering({"type": "raise", "event": {"type": "SHUT"}, "delay": 1000}),
        pointer="/states/open/entry/0/delay",
        mended=entering({"type": "raise", "event": {"type": "SHUT"}}),
    ),
    "nobody_listens": Row(
        severity="warning",
        title="A raised event is dropped",
        meaning="`raise` puts an event into the machine's own queue. No state takes this one.",
        remedy="Let a state take it in `on`. To tell others of it, use `emit`.",
        example=entering({"type": "raise", "event": {"type": "SHUTT"}}),
        pointer="/states/open/entry/0/event/type",
        mended=entering({"type": "raise", "event": {"type": "SHUT"}}),
    ),
    "unknown_delay": Row(
        severity="error",
        title="There is no such delay",
        meaning="A key of `after` is an ISO 8601 duration or a name that `delays` defines.",
        remedy="Define it, or write a duration such as `PT30M` or `P14D`.",
        example=opened(after={"closing_time": "closed"}),
        pointer="/states/open/after/closing_time",
        mended={**opened(after={"closing_time": "closed"}), "delays": {"closing_time": {"duration": "PT8H"}}},
    ),
    "bad_duration": Row(
        severity="error",
        title="A duration is not possible",
        meaning="Durations are ISO 8601: weeks, days of 86,400 seconds, hours, minutes and seconds, up to ten years. "
        "Months and years are refused, since they have no fixed length. Milliseconds are not taken here.",
        remedy="Write it like `P2W`, `P14D`, `PT30M` or `P1DT12H`.",
        example=opened(after={"P1M": "closed"}),
        pointer="/states/open/after/P1M",
        mended=opened(after={"P30D": "closed"}),
    ),
    "bad_sla": Row(
        severity="error",
        title="The warning comes too late",
        meaning="`warn` is when people should look, `breach` when it is too late; both count from the entry.",
        remedy="Make `warn` shorter than `breach`.",
        example=opened(sla={"warn": "P2D", "breach": "P1D"}, on=_ON),
        pointer="/states/open/sla/warn",
        mended=opened(sla={"warn": "P1D", "breach": "P2D"}, on=_ON),
    ),
    "bad_migration": Row(
        severity="error",
        title="A migration does not say clearly what moves where",
        meaning="`from` names earlier revisions, each once in all migrations; `states` maps full paths to states that "
        "can be active.",
        remedy="Name each revision once.",
        example=door(migrations=[{"from": [1, 1]}]),
        pointer="/migrations/0/from/1",
        mended=door(migrations=[{"from": [1]}]),
    ),
    "no_effect": Row(
        severity="warning",
        title="A key has no effect",
        meaning="It is possible here and changes nothing: `initial` of a parallel state, `sla` of a final one, `keep` "
        "where nothing is carried.",
        remedy="Remove it.",
        example=opened(type="parallel", initial="lock", states=_REGIONS, onDone="closed", on={"BREAK": "broken"}),
        pointer="/states/open/initial",
        mended=opened(type="parallel", states=_REGIONS, onDone="closed", on={"BREAK": "broken"}),
    ),
    "unreachable_state": Row(
        severity="warning",
        title="Nothing leads to a state",
        meaning="No sequence of events leads there, whatever guards and roles say.",
        remedy="Give it a way in, or remove it.",
        example=door(states={**door()["states"], "loft": {"on": {"OPEN": "open"}}}),
        pointer="/states/loft",
        mended=door(),
    ),
    "dead_end": Row(
        severity="warning",
        title="Nothing leads out of a state",
        meaning="It is not final, and neither it nor a state around it has a branch that leads elsewhere.",
        remedy='Give it a way out, or write "type": "final".',
        example=opened(),
        pointer="/states/open",
        mended=opened(type="final"),
    ),
    "no_end": Row(
        severity="warning",
        title="A life never ends",
        meaning="No final state of the definition can be reached, so that entities live for ever.",
        remedy='If that is not meant, write "type": "final" where a life ends.',
        example=door(states={"closed": {"on": {"OPEN": "open"}}, "open": {"on": {"SHUT": "closed"}}}),
        pointer="/states",
        mended=door(),
    ),
    "unused": Row(
        severity="warning",
        title="Something is declared and never used",
        meaning="A role that no branch asks for, a guard that none asks, a delay that no `after` waits for, or an "
        "event that no state takes.",
        remedy="Remove it, or use it; the fix names what was probably meant.",
        example=door(roles={"clerk": {}}),
        pointer="/roles/clerk",
        mended=shutting({"target": "closed", "allow": ["clerk"]}, roles={"clerk": {}}),
    ),
}
