"""The algorithm of SCXML's appendix D, as the W3C wrote it down in 2015, over charts without data: an oracle for ours.

Plain and slow on purpose, function by function under the names of the appendix, and reading the XML by itself: nothing
is shared with what it judges. Content is `raise` alone; conditions are `In('id')`, negated by `!`, joined by `&&`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element, fromstring

STATES = ("state", "parallel", "final", "history")
MICROSTEPS = 60


class Endless(Exception):
    """The machine never comes to rest."""


class Node:
    """A state of any kind, or the whole chart."""

    def __init__(self, element: Element, parent: Node | None, nodes: list[Node]) -> None:
        self.kind = element.tag.rpartition("}")[2]
        self.id = element.get("id", "")
        self.parent = parent
        self.order = len(nodes)
        nodes.append(self)
        self.entry = raised(element, "onentry")
        self.exit = raised(element, "onexit")
        self.deep = element.get("type") == "deep"
        self.transitions = [Transition(each, self) for each in element if tag(each) == "transition"]
        self.children = [Node(each, self, nodes) for each in element if tag(each) in STATES]
        written = [each for each in element if tag(each) == "initial"]
        self.initial = element.get("initial", "").split()
        self.initial_content: list[str] = []
        if written:
            self.initial = written[0][0].get("target", "").split()
            self.initial_content = contents(written[0][0])

    @property
    def ordinary(self) -> list[Node]:
        return [child for child in self.children if child.kind != "history"]

    @property
    def is_compound(self) -> bool:
        return self.kind in ("state", "scxml") and bool(self.ordinary)

    @property
    def is_atomic(self) -> bool:
        return self.kind == "final" or (self.kind == "state" and not self.ordinary)

    def ancestors(self, until: Node | None = None) -> list[Node]:
        """getProperAncestors: from the inside out, without `until`."""
        found, node = [], self.parent
        while node is not None and node is not until:
            found.append(node)
            node = node.parent
        return found

    def is_descendant(self, of: Node) -> bool:
        return of in self.ancestors()


class Transition:
    """One transition, in document order within its state."""

    def __init__(self, element: Element, source: Node) -> None:
        self.source = source
        self.events = element.get("event", "").split()
        self.cond = element.get("cond", "")
        self.targets = element.get("target", "").split()
        self.internal = element.get("type") == "internal"
        self.content = contents(element)

    def takes(self, event: str) -> bool:
        if event.startswith("done."):
            return event in self.events  # here, unlike there, neither `*` nor a prefix takes the platform's own events
        return any(
            each == "*" or (event + ".").startswith(each.removesuffix("*").removesuffix(".") + ".")
            for each in self.events
        )


def tag(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def contents(element: Element) -> list[str]:
    return [each.get("event", "") for each in element if tag(each) in ("raise", "send")]


def raised(element: Element, block: str) -> list[str]:
    return [event for each in element if tag(each) == block for event in contents(each)]


class Chart:
    """A running chart. `leaves` are the ids of the active atomic states, in document order."""

    def __init__(self, text: str) -> None:
        self.nodes: list[Node] = []
        self.root = Node(fromstring(text), None, self.nodes)  # written by the tests
        self.by_id = {node.id: node for node in self.nodes if node.id}
        self.configuration: set[Node] = set()
        self.history: dict[Node, list[Node]] = {}
        self.queue: list[str] = []
        self.running = True
        self.steps = 0
        first = self.root.initial or [self.root.ordinary[0].id]
        entry: set[Node] = set()
        defaults: dict[Node, list[str]] = {}
        for state in self.effective(first):
            self.add_descendants(state, entry, defaults)
        for state in self.effective(first):
            self.add_ancestors(state, self.root, entry, defaults)
        self.queue += self.root.initial_content
        self.enter(entry, defaults)
        self.settle()

    @property
    def leaves(self) -> list[str]:
        return [node.id for node in self.nodes if node in self.configuration and node.is_atomic]

    def send(self, event: str) -> list[str]:
        """An event from outside, and all that follows of itself."""
        if self.running:
            self.microstep(self.select(event))
            self.settle()
        return self.leaves

    def settle(self) -> None:
        """The inner loop of mainEventLoop."""
        while self.running:
            enabled = self.select(None)
            if not enabled:
                if not self.queue:
                    return
                enabled = self.select(self.queue.pop(0))
            if enabled:
                self.microstep(enabled)

    # --- selection

    def select(self, event: str | None) -> list[Transition]:
        enabled: list[Transition] = []
        for state in [node for node in self.nodes if node in self.configuration and node.is_atomic]:
            for node in [state, *state.ancestors()]:
                found = next((each for each in node.transitions if self.is_enabled(each, event)), None)
                if found is not None:
                    if found not in enabled:
                        enabled.append(found)
                    break
        return self.without_conflicts(enabled)

    def is_enabled(self, transition: Transition, event: str | None) -> bool:
        fits = not transition.events if event is None else transition.takes(event)
        return fits and all(self.holds(term.strip()) for term in transition.cond.split("&&") if term.strip())

    def holds(self, term: str) -> bool:
        asked = re.fullmatch(r"(!?)In\('(.*)'\)", term)
        assert asked is not None, term
        return (self.by_id[asked[2]] in self.configuration) is not bool(asked[1])

    def without_conflicts(self, enabled: Iterable[Transition]) -> list[Transition]:
        filtered: list[Transition] = []
        for one in enabled:
            preempted, removed = False, []
            for other in filtered:
                if self.exit_set([one]) & self.exit_set([other]):
                    if one.source.is_descendant(other.source):
                        removed.append(other)
                    else:
                        preempted = True
                        break
            if not preempted:
                filtered = [each for each in filtered if each not in removed]
                filtered.append(one)
        return filtered

    def exit_set(self, transitions: Iterable[Transition]) -> set[Node]:
        found: set[Node] = set()
        for transition in transitions:
            domain = self.domain(transition)
            if domain is not None:
                found |= {node for node in self.configuration if node.is_descendant(domain)}
        return found

    def domain(self, transition: Transition) -> Node | None:
        targets = self.effective(transition.targets)
        if not targets:
            return None
        source = transition.source
        if transition.internal and source.is_compound and all(each.is_descendant(source) for each in targets):
            return source
        # There, the innermost compound one; here it may be parallel, which is then not left and entered again itself.
        return next(node for node in source.ancestors() if all(each.is_descendant(node) for each in targets))

    def effective(self, ids: Sequence[str]) -> list[Node]:
        found: list[Node] = []
        for node in [self.by_id[id] for id in ids]:
            if node.kind != "history":
                more = [node]
            elif node in self.history:
                more = self.history[node]
            else:
                more = self.effective(node.transitions[0].targets)
            found += [each for each in more if each not in found]
        return found

    # --- one microstep

    def microstep(self, enabled: list[Transition]) -> None:
        self.steps += 1
        if self.steps > MICROSTEPS:
            raise Endless
        self.leave(enabled)
        for transition in enabled:
            self.queue += transition.content
        entry: set[Node] = set()
        defaults: dict[Node, list[str]] = {}
        for transition in enabled:
            for id in transition.targets:
                self.add_descendants(self.by_id[id], entry, defaults)
            for state in self.effective(transition.targets):
                self.add_ancestors(state, self.domain(transition), entry, defaults)
            domain = self.domain(transition)
            if domain is not None and domain.kind == "parallel":
                self.add_regions(domain, entry, defaults)
        self.enter(entry, defaults)

    def leave(self, enabled: list[Transition]) -> None:
        left = sorted(self.exit_set(enabled), key=lambda node: -node.order)
        for node in left:
            for history in [child for child in node.children if child.kind == "history"]:
                self.history[history] = [
                    each
                    for each in self.nodes
                    if each in self.configuration
                    and (each.is_atomic and each.is_descendant(node) if history.deep else each.parent is node)
                ]
        for node in left:
            self.queue += node.exit
            self.configuration.discard(node)

    def enter(self, entry: set[Node], defaults: dict[Node, list[str]]) -> None:
        for node in sorted(entry, key=lambda node: node.order):
            self.configuration.add(node)
            self.queue += node.entry
            if node in defaults:
                self.queue += defaults[node]
            if node.kind == "final":
                self.ended(node)

    def ended(self, node: Node) -> None:
        parent = node.parent
        assert parent is not None
        if parent is self.root:
            self.running = False
            return
        self.queue.append(f"done.state.{parent.id}")
        above = parent.parent
        if above is not None and above.kind == "parallel" and all(map(self.is_final, above.ordinary)):
            self.queue.append(f"done.state.{above.id}")

    def is_final(self, node: Node) -> bool:
        if node.is_compound:
            return any(each.kind == "final" and each in self.configuration for each in node.ordinary)
        return node.kind == "parallel" and all(map(self.is_final, node.ordinary))

    def add_descendants(self, node: Node, entry: set[Node], defaults: dict[Node, list[str]]) -> None:
        if node.kind == "history":
            known = self.history.get(node)
            assert node.parent is not None
            if known is None:
                defaults.setdefault(node.parent, []).extend(node.transitions[0].content)
                known = [self.by_id[id] for id in node.transitions[0].targets]
            for each in known:
                self.add_descendants(each, entry, defaults)
            for each in known:
                self.add_ancestors(each, node.parent, entry, defaults)
            return
        entry.add(node)
        if node.is_compound:
            first = [self.by_id[id] for id in node.initial] or [node.ordinary[0]]
            defaults.setdefault(node, []).extend(node.initial_content)
            for each in first:
                self.add_descendants(each, entry, defaults)
            for each in first:
                self.add_ancestors(each, node, entry, defaults)
        elif node.kind == "parallel":
            self.add_regions(node, entry, defaults)

    def add_ancestors(self, node: Node, until: Node | None, entry: set[Node], defaults: dict[Node, list[str]]) -> None:
        for above in node.ancestors(until):
            if above.kind == "scxml":
                continue
            entry.add(above)
            if above.kind == "parallel":
                self.add_regions(above, entry, defaults)

    def add_regions(self, parallel: Node, entry: set[Node], defaults: dict[Node, list[str]]) -> None:
        for region in parallel.ordinary:
            if not any(each.is_descendant(region) or each is region for each in entry):
                self.add_descendants(region, entry, defaults)
