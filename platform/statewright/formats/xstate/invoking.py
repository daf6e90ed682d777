"""What XState's machines invoke: here the entity says that it is wanted, and a service answers with an event."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from statewright.formats.naming import event_name, is_code
from statewright.formats.notes import Ledger
from statewright.formats.xstate.tree import Node, Tree
from statewright.machine.problem import child

_ANSWERS = re.compile(
    r"(?:(?P<done>done\.invoke\.|xstate\.done\.actor\.|done\.actor\.)|error\.platform\.|xstate\.error\.actor\.|error\.actor\.)"
    r"(?P<id>.+)",
    re.S,
)


class _Invocation(NamedTuple):
    raw: dict[str, Any]
    src: str
    pointer: str


class Invocations:
    """All that one machine invokes, by state and by id."""

    def __init__(self, tree: Tree, ledger: Ledger) -> None:
        self.ledger = ledger
        self._of: dict[Node, list[_Invocation]] = {}
        self._src_by_id: dict[str, str] = {}
        for node in (tree.root, *tree.root.below()):
            written = node.raw.get("invoke")
            found = list(self._written(written, child(node.pointer, "invoke")))
            if found:
                self._of[node] = found
            for index, each in enumerate(found):
                if not isinstance(each.raw.get("id"), str):
                    own = tree.own_id(node)
                    self._src_by_id.setdefault(f"{own}:invocation[{index}]", each.src)
                    self._src_by_id.setdefault(f"{index}.{own}", each.src)

    def _written(self, written: Any, pointer: str) -> Iterator[_Invocation]:
        if isinstance(written, list):
            for index, each in enumerate(written):
                yield from self._written(each, child(pointer, index))
            return
        if isinstance(written, str):
            written = {"src": written}
        if not isinstance(written, dict) or not written:
            return
        src = _source_of(written)
        if src is None or is_code(src):
            src = f"service_{len(self._src_by_id) + 1}"
        src = event_name(src.removesuffix(".")[:80])
        id = written.get("id")
        self._src_by_id[id if isinstance(id, str) else src] = src
        self.ledger.rewritten(
            pointer,
            f"nothing is invoked here: on entry `{src}.requested` is emitted, and a service answers with "
            f"`{src}.succeeded` or `{src}.failed`",
        )
        for key in ("onSnapshot", "data", "autoForward", "forward", "systemId", "syncSnapshot", "registryKey"):
            if written.get(key) not in (None, False, [], {}):
                self.ledger.lost(child(pointer, key), f"{key!r} of an invocation has no place here")
        yield _Invocation(written, src, pointer)

    def actions(self, node: Node) -> tuple[list[Any], list[Any]]:
        """What a state does on entry and on exit instead of invoking, and for version 4's activities."""
        entry: list[Any] = [{"type": "emit", "event": self._request(each)} for each in self._of.get(node, ())]
        exit: list[Any] = []
        activities = node.raw.get("activities")
        for activity in activities if isinstance(activities, list) else [activities] if activities else []:
            name = activity if isinstance(activity, str) else _source_of(activity) or "activity"
            started, stopped = event_name(f"{name[:80]}.started"), event_name(f"{name[:80]}.stopped")
            entry.append({"type": "emit", "event": {"type": started}})
            exit.append({"type": "emit", "event": {"type": stopped}})
            self.ledger.rewritten(
                child(node.pointer, "activities"), f"an activity emits `{started}` and `{stopped}` here"
            )
        return entry, exit

    def _request(self, invocation: _Invocation) -> dict[str, Any]:
        given = invocation.raw.get("input")
        if isinstance(given, dict) and "type" not in given and not any(key.startswith("@") for key in given):
            return {"type": f"{invocation.src}.requested", **given}
        if given is not None:
            self.ledger.lost(
                child(invocation.pointer, "input"), "the input is code: the service finds what it needs in the data"
            )
        return {"type": f"{invocation.src}.requested"}

    def answers(self, node: Node) -> Iterator[tuple[str, Any, str]]:
        """The events by which services answer, with what was written for them and where."""
        for each in self._of.get(node, ()):
            for key, ending in (("onDone", "succeeded"), ("onError", "failed")):
                if each.raw.get(key) not in (None, []):
                    yield f"{each.src}.{ending}", each.raw[key], child(each.pointer, key)

    def timeouts(self, node: Node) -> Iterator[tuple[str, Any, str]]:
        """The delays after which services are late, with what was written for it and where."""
        for each in self._of.get(node, ()):
            if each.raw.get("onTimeout") is not None:
                pointer = child(each.pointer, "timeout")
                self.ledger.rewritten(pointer, "the time-out of an invocation is `after` of its state here")
                timeout = each.raw.get("timeout")
                delay = str(timeout) if isinstance(timeout, str | int | float) else f"{each.src}_timeout"
                yield delay, each.raw["onTimeout"], child(each.pointer, "onTimeout")

    def event_of(self, reserved: str) -> str | None:
        """The answer that an event such as `done.invoke.<id>` is here; None where nothing of that id is invoked."""
        found = _ANSWERS.fullmatch(reserved)
        src = None if found is None else self._src_by_id.get(found["id"])
        return None if found is None or src is None else f"{src}.{'succeeded' if found['done'] else 'failed'}"


def _source_of(written: Any) -> str | None:
    if isinstance(written, str):
        return written
    if not isinstance(written, dict):
        return None
    for key in ("src", "type", "id", "name"):
        value = written.get(key)
        if isinstance(value, dict):
            value = _source_of(value)
        if isinstance(value, str) and value.strip():
            return value
    return None
