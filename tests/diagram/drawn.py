"""Definitions to draw: an ordinary one, a nested one, and one whose author means harm."""

from __future__ import annotations

from typing import Any

import msgspec

from statewright.machine.definition import Definition

HARM = '</text><script>alert("1")</script>&amp;'


def definition(**written: Any) -> Definition:
    """A definition from its keys; `id` may be left out."""
    return msgspec.convert({"id": "thing", **written}, Definition)


ORDER = definition(
    label="Order",
    initial="draft",
    states={
        "draft": {
            "tags": ["start"],
            "on": {
                "SUBMIT": [
                    {"target": "paid", "guard": "within_limit", "allow": ["customer", "clerk"]},
                    {"target": "review"},
                ],
                "EDIT": {"context": {"edited": True}},
            },
        },
        "review": {"label": "Credit review", "tags": ["waiting"], "on": {"APPROVE": "paid", "WITHDRAW": "cancelled"}},
        "paid": {
            "tags": ["active"],
            "on": {"SHIP": "shipped", "WITHDRAW": "cancelled"},
            "after": {"P14D": "cancelled"},
        },
        "shipped": {"type": "final", "tags": ["success"]},
        "cancelled": {"type": "final", "tags": ["danger"]},
    },
    on={"CANCEL": ".cancelled"},
)

NESTED = definition(
    initial="draft",
    states={
        "draft": {"on": {"GO": "work"}},
        "work": {
            "type": "parallel",
            "on": {"STOP": "ended", "AGAIN": "work", "JUMP": ".left.b", "NOTE": {"context": {"noted": True}}},
            "onDone": "ended",
            "states": {
                "left": {
                    "initial": "a",
                    "states": {"a": {"on": {"NEXT": "b", "BACK": "#thing.work"}}, "b": {"type": "final"}},
                },
                "right": {
                    "initial": "c",
                    "states": {
                        "c": {"on": {"NEXT": "d"}},
                        "d": {"type": "final"},
                        "h": {"type": "history", "target": "c"},
                    },
                },
            },
        },
        "ended": {"type": "final"},
    },
)

HOSTILE = definition(
    label=HARM,
    initial="a (b): c/d",
    states={
        "a (b): c/d": {
            "label": HARM + " and on and on" * 10,
            "description": HARM,
            "on": {
                "x.y[=1] (z)": {"target": "Überprüfung", "guard": {"@expr": 'context.a < 3 && "' + HARM + '" != ""'}},
                "--": "Überprüfung",
                "E" * 100: {"target": "漢字", "label": HARM},
                "LOST": "nowhere" + HARM,
                "LOST TOO": "\\",
            },
        },
        "Überprüfung": {"label": "\u0000\u0007\ud7ff\ufffe]]><![CDATA[", "on": {"*": "漢字"}},
        "漢字": {"label": "漢字 🚚 العربية   ", "type": "final"},
        "end": {"label": "  ", "type": "final"},
    },
    on={"R": {"target": ".end", "guard": HARM}},
)

ALL = {"order": ORDER, "nested": NESTED, "hostile": HOSTILE}


def dense(states: int, each: int) -> Definition:
    """Every state leads to `each` others, all over the place."""
    return definition(
        initial="s0",
        states={
            f"s{n}": {"on": {f"E{n}_{k}": f"s{(n * 7 + k * k * 13 + 1) % states}" for k in range(each)}}
            for n in range(states)
        },
    )
