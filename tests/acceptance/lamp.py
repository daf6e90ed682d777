"""A definition small enough to be kept in mind: a lamp, which comes to be when it is first switched."""

from __future__ import annotations

import json

LAMP = json.dumps(
    {
        "id": "lamp",
        "creation": "implicit",
        "keep": "*",
        "initial": "off",
        "states": {
            "off": {"on": {"SWITCH": "on", "BREAK": "broken"}},
            "on": {"on": {"SWITCH": "off", "BREAK": "broken"}},
            "broken": {"type": "final"},
        },
        "schemas": {"events": {"SWITCH": {}, "BREAK": {}}},
    }
).encode()
