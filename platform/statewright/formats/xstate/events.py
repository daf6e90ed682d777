"""What sets off the transitions of XState's machines: events, time, nothing at all, or that something is done."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from statewright.formats.naming import event_name
from statewright.formats.notes import Ledger
from statewright.formats.xstate.invoking import Invocations
from statewright.formats.xstate.tree import Node, Tree
from statewright.machine.names import RESERVED_EVENTS, fault_of_descriptor
from statewright.machine.problem import child

_DONE_STATE = re.compile(r"(?:xstate\.)?done\.state\.(.+)", re.S)
_AFTER = re.compile(r"xstate\.after(?:\((?P<old>[^)]*)\)#|\.(?P<new>\d+)\.).*", re.S)


class Written(NamedTuple):
    """Branches of a state as they are written: under which of our keys they go, and by which trigger."""

    under: str
    trigger: str
    branches: Any
    pointer: str


class Events:
    """Sorts the transitions of one machine by our keys: `on`, `always`, `after`, `onDone`."""

    def __init__(self, tree: Tree, ledger: Ledger, invocations: Invocations, *, ours: bool, version_4: bool) -> None:
        self.tree = tree
        self.ledger = ledger
        self.invocations = invocations
        self.ours = ours
        self.version_4 = version_4

    def of(self, node: Node) -> Iterator[Written]:
        """All that a state has, in document order; the same trigger may come twice."""
        raw, pointer = node.raw, node.pointer
        for event, written, at in _each(raw.get("on"), child(pointer, "on"), "event"):
            yield from self._event(event, written, node, at)
        if raw.get("always") is not None and (raw["always"] != [] or self.ours):
            yield Written("always", "always", raw["always"], child(pointer, "always"))
        if raw.get("choice") is not None:
            self.ledger.rewritten(child(pointer, "choice"), "a choice is a state with `always` here")
            yield Written("always", "always", raw["choice"], child(pointer, "choice"))
        yield from self._after(raw.get("after"), child(pointer, "after"))
        if raw.get("onTimeout") is not None:
            self.ledger.rewritten(child(pointer, "timeout"), "`timeout` and `onTimeout` are `after` here")
            yield Written("after", _key_of(raw.get("timeout")), raw["onTimeout"], child(pointer, "onTimeout"))
        if raw.get("onDone") is not None and (raw["onDone"] != [] or self.ours):
            yield from self._done(node, raw["onDone"], child(pointer, "onDone"))
        for event, written, at in self.invocations.answers(node):
            yield Written("on", event, written, at)
        for delay, written, at in self.invocations.timeouts(node):
            yield Written("after", delay, written, at)

    def _done(self, node: Node, written: Any, pointer: str) -> Iterator[Written]:
        if not self.ours and not node.children and node.parent is not None:
            if node.raw.get("invoke") is not None:
                self.ledger.lost(
                    pointer, "`onDone` of a state without states inside never comes; that of `invoke` does"
                )
            else:
                self.ledger.lost(pointer, "`onDone` of a state without states inside never comes")
            return
        yield Written("onDone", "onDone", written, pointer)

    def _event(self, event: str, written: Any, node: Node, pointer: str) -> Iterator[Written]:
        if event == "" and not self.ours:
            self.ledger.rewritten(pointer, 'the event "" is `always` here')
            yield Written("always", "always", written, pointer)
        elif found := _DONE_STATE.fullmatch(event):
            yield from self._done_state(found.group(1), event, written, node, pointer)
        elif found := _AFTER.fullmatch(event):
            if node.raw.get("after") in (None, [], {}):
                yield Written("after", found["old"] or found["new"] or "0", written, pointer)
        elif event.startswith(RESERVED_EVENTS):
            answer = self.invocations.event_of(event)
            if answer is not None:
                self.ledger.rewritten(pointer, f"{event[:60]!r} is the service's answer {answer[:60]!r} here")
                yield Written("on", answer, written, pointer)
            else:
                self.ledger.lost(pointer, f"no event {event[:60]!r} ever comes here: the platform keeps such names")
        else:
            yield from self._named(event, written, pointer)

    def _named(self, event: str, written: Any, pointer: str) -> Iterator[Written]:
        if fault_of_descriptor(event) is None or self.ours:
            yield Written("on", event, written, pointer)
            return
        if "*" in event.removesuffix(".*"):
            self.ledger.lost(pointer, f"{event[:60]!r} is not carried: a `*` stands alone or at the end, after a dot")
            return
        name = event_name(event)
        self.ledger.rewritten(pointer, f"the event {event[:60]!r} is called {name!r} here")
        yield Written("on", name, written, pointer)

    def _done_state(self, id: str, event: str, written: Any, node: Node, pointer: str) -> Iterator[Written]:
        found = self.tree.by_id(id)
        state = None if found is None else found[0]
        for key in found[1] if found else ():
            state = None if state is None else state.children.get(key)
        if state is node:
            yield Written("onDone", "onDone", written, pointer)
        else:
            self.ledger.lost(pointer, f"{event[:60]!r} is not carried: write `onDone` in the state that is done")

    def _after(self, written: Any, pointer: str) -> Iterator[Written]:
        for delay, branches, at in _each(written, pointer, "delay"):
            yield Written("after", delay, branches, at)


def _each(written: Any, pointer: str, named_by: str) -> Iterator[tuple[str, Any, str]]:
    """The branches by event or delay: XState 4 takes a list, too, of branches that name theirs."""
    if isinstance(written, dict):
        for key, branches in written.items():
            yield key, branches, child(pointer, key)
    elif isinstance(written, list):
        for index, branch in enumerate(written):
            if isinstance(branch, dict):
                yield _key_of(branch.get(named_by), named_by), branch, child(pointer, index)


def _key_of(key: Any, otherwise: str = "delay") -> str:
    return str(key) if isinstance(key, str | int | float) and not isinstance(key, bool) else otherwise
