"""A platform that runs in a process of its own, and what tests do with it over HTTP."""

from __future__ import annotations

import os
import re
import subprocess
from typing import Any

import httpx

HOSTILE_ID = "it's <b>id</i> %20?&# 😀 ".replace("/", "|") + "W" * 90
HOSTILE = {
    "id": "hostile",
    "label": "<script>alert(1)</script> " + "W" * 150,
    "initial": "a",
    "states": {
        "a": {"label": "<img src=x onerror=alert(1)> \u202egnirts", "on": {"GO": "b"}},
        "b": {"label": "😀" * 30, "on": {"BACK": "a"}},
    },
    "keep": "*",
}


class Platform:
    """A server process of its own, with the samples of `statewright demo` and one definition full of hostile text."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.http = httpx.Client(base_url=base, timeout=60)

    def send(self, type: str, entity: str, event: str | None, **data: Any) -> dict[str, Any]:
        """Send one event (None creates) and give the answer's document; it must have been recorded."""
        actor = {"id": "browser-test", "roles": ["customer", "payments", "accounts", "warehouse"]}
        command = {
            "id": os.urandom(8).hex(),
            "type": type,
            "entity": entity,
            "event": event,
            "data": data,
            "actor": actor,
        }
        answer: dict[str, Any] = self.http.post("/api/v1/commands", json=[command]).json()["items"][0]
        assert answer["status"] == 201, answer
        return answer

    def create_order(self) -> str:
        """A new order, and its id."""
        entity = f"browser-{os.urandom(4).hex()}"
        answer = self.send("order", entity, None, customer="c-1", total=9900)
        self.see(answer["position"])
        return entity

    def see(self, position: int) -> None:
        """Wait until the views have reached a position."""
        asked = {"type": "order", "min_place": str(position), "wait": "20"}
        assert self.http.get("/api/v1/views/counts", params=asked).status_code == 200


def address_of(process: subprocess.Popen[str]) -> str:
    """Where a server that was just started listens, as it says itself."""
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if found := re.search(r"http://\S+?:\d+", line):
            return found.group()
    raise AssertionError("the demo did not start: " + "".join(said))


def make_hostile(platform: Platform) -> None:
    """Register the hostile definition and let an entity live by it."""
    answer = platform.http.post("/api/v1/definitions?activate=true", json=HOSTILE)
    assert answer.status_code == 201, answer.text
    platform.send("hostile", HOSTILE_ID, None, note="<script>alert(1)</script>", long="W" * 300, rtl="\u202eevil")
    platform.send("hostile", HOSTILE_ID, "GO", deep={"list": [1, None, {"x": "</pre><script>alert(1)</script>"}]})
    actor = {"id": "<b>me</b> \u202eevil " + "W" * 150, "roles": ["<i>role</i>", "😀" * 30]}
    refused = {"id": "refused", "type": "hostile", "entity": HOSTILE_ID, "event": "GO", "actor": actor}
    refused["data"] = {"<script>": "<script>alert(1)</script>" + "W" * 200, "'\"`$(reboot)": "\u202e"}
    answer = platform.http.post("/api/v1/commands", json=[refused]).json()["items"][0]
    assert answer["status"] == 409, answer
