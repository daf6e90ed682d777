"""What an SCXML document sends to itself: events that come later, or after all internal ones, as `after` of a state.

A `send` outlives the state it is made in; a timer of ours ends with the stay. The two are the same where the timer
stands in a state that holds all who wait for the event, and that is entered exactly when the send is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from statewright.formats.notes import Ledger
from statewright.formats.scxml.content import Content, delay_of, is_to_itself
from statewright.formats.scxml.tree import Node, Tree
from statewright.formats.scxml.words import ADDED
from statewright.formats.xml import Element


class _Timer(NamedTuple):
    made_in: Node
    element: Element
    event: dict[str, Any]
    delay: str
    holder: Node | None
    """The state in which it means what the send meant; None where there is none."""


class Timers:
    """Finds the sends that are timers, and the states in which those belong."""

    def __init__(self, tree: Tree, content: Content, ledger: Ledger) -> None:
        self.tree = tree
        self.ledger = ledger
        self.content = content
        self.moves = list(_moves(tree))
        self.taken: set[Element] = set()
        self.after: dict[Node, list[_Timer]] = {}
        for node in (tree.root, *tree.root.below()):
            sends = [send for block in node.element.named("onentry") for send in block.named("send")]
            found = [timer for send in sends if (timer := self._timer(node, send)) is not None]
            for timer in found:
                self._place(timer, found)
        self.delays: dict[str, Any] = {}

    def _timer(self, node: Node, send: Element) -> _Timer | None:
        if send.get(ADDED) or not is_to_itself(send) or ("delayexpr" in send.attributes and delay_of(send) is None):
            return None
        event = self.content.event(send)
        if event is None:
            return None
        delay, holder = delay_of(send), self._holder(node, event["type"])
        if holder is None and delay is None:
            return None  # it is raised instead, and that is told there
        return _Timer(node, send, event, delay or "PT0S", holder)

    def _place(self, timer: _Timer, together: list[_Timer]) -> None:
        """Timers due together stand in one state, the widest that one of them needs: so they fire in their order."""
        node, send = timer.made_in, timer.element
        holder = timer.holder
        for other in together:
            if holder is not None and other.holder is not None and other.delay == timer.delay:
                holder = other.holder if holder.is_in(other.holder) else holder
        if holder is None or (holder is node and not self._ends_with(node, send)):
            what = f"{timer.event['type'][:60]!r} comes only while {node.name!r} lasts, as if it were cancelled on exit"
            self.ledger.rewritten(send.way, what)
        self.after.setdefault(holder or node, []).append(timer)
        self.taken.add(send)

    def _holder(self, node: Node, event: str) -> Node | None:
        """The state in which the timer means what the send meant; None where there is none."""
        waiting = [source for source, transition, _ in self.moves if _takes(transition, event)]
        holder = node
        for source in waiting:
            while not source.is_in(holder) and holder.parent is not None:
                holder = holder.parent
        return holder if holder is node or self._entered_together(holder, node) else None

    def _entered_together(self, holder: Node, node: Node) -> bool:
        """Whether `node` is entered exactly when `holder` is: by default, and never otherwise."""
        way = [each for each in node.line_up() if each.is_in(holder) and each is not holder]
        for each in way:
            parent = each.parent
            if parent is None or (parent.kind != "parallel" and default_of(parent) is not each):
                return False
        first = way[-1]
        for source, _, targets in self.moves:
            for target in targets:
                inside = target.is_in(holder) and target is not holder
                if target.is_in(first) or (inside and not source.is_in(holder)):
                    return False
        return True

    def _ends_with(self, node: Node, send: Element) -> bool:
        """Whether the send cannot outlive the stay: it is cancelled on exit, or `node` is never entered again."""
        cancelled = {each.get("sendid") for block in node.element.named("onexit") for each in block.named("cancel")}
        if send.get("id") and send.get("id") in cancelled:
            return True
        above = list(node.line_up())
        return not any(
            target in above or (target.is_in(node) and not source.is_in(node))
            for source, _, targets in self.moves
            for target in targets
        )

    def branches(self, node: Node) -> dict[str, Any]:
        """The `after` of a state; each timer has a key of its own."""
        found: dict[str, Any] = {}
        for timer in self.after.get(node, ()):
            key = timer.delay
            if key in found:
                key = f"send_{len(self.delays) + 1}"
                self.delays[key] = {"duration": timer.delay}
            found[key] = {"actions": {"type": "raise", "event": timer.event}}
            sentence = f"the event sent here after {timer.delay} is raised by `after` {key!r}"
            self.ledger.rewritten(timer.element.way, sentence)
        return found


def default_of(parent: Node) -> Node | None:
    """The child that is entered when nothing else is said; None where `initial` says more than that."""
    element = parent.element
    named = element.get("initial").split()
    inner = next(element.named("initial"), None)
    if not named and inner is not None:
        transition = next(inner.named("transition"), None)
        named = transition.get("target").split() if transition is not None else []
        if transition is not None and transition.children:
            return None
    if not named:
        return next((child for child in parent.children if child.kind != "history"), None)
    return next((child for child in parent.children if [child.id] == named), None)


def _moves(tree: Tree) -> Iterator[tuple[Node, Element, list[Node]]]:
    """All transitions, with the states they stand in and those they lead to."""
    for node in tree.root.below():
        for transition in node.element.named("transition"):
            targets = [tree.by_id[id] for id in transition.get("target").split() if id in tree.by_id]
            yield node, transition, targets
        for inner in node.element.named("initial"):
            for transition in inner.named("transition"):
                ids = transition.get("target").split()
                if len(ids) > 1:
                    yield node, transition, [tree.by_id[id] for id in ids if id in tree.by_id]


def _takes(transition: Element, event: str) -> bool:
    return any(matches(descriptor, event) for descriptor in transition.get("event").split())


def matches(descriptor: str, event: str) -> bool:
    """Whether a descriptor takes an event: by whole tokens from the left, as SCXML 3.12.1 says."""
    plain = descriptor.removesuffix(".*").removesuffix(".")
    return descriptor == "*" or event == plain or event.startswith(plain + ".")
