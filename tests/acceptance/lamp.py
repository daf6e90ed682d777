"""A definition small enough to be kept in mind: a lamp, which comes to be when it is first switched or touched."""

from __future__ import annotations

import json

LAMP = json.dumps(
    {
        "id": "lamp",
        "creation": "implicit",
        "keep": "*",
        "initial": "off",
        "states": {
            "off": {"on": {"SWITCH": "on"}},
            "on": {"on": {"SWITCH": "dim"}},
            "dim": {"on": {"SWITCH": "off"}},
            "broken": {"type": "final"},
        },
        "on": {"TOUCH": {"context": {"touched": True}}, "BREAK": ".broken"},
    }
).encode()
