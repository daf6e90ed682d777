"""The JSON Schemas that lie beside the definitions, made from the structs; run as a module, it writes them again."""

from __future__ import annotations

from pathlib import Path

import msgspec

from statewright.machine import definition
from tests.definitions import scenarios

WRITTEN = {"definition.schema.json": definition.json_schema, "scenarios.schema.json": scenarios.json_schema}


def text_of(name: str) -> bytes:
    """What the file `name` should hold."""
    return msgspec.json.format(msgspec.json.encode(WRITTEN[name](), order="deterministic"), indent=2) + b"\n"


def write_all(folder: Path) -> None:
    """Write every schema into `folder`."""
    for name in WRITTEN:
        (folder / name).write_bytes(text_of(name))


if __name__ == "__main__":
    write_all(scenarios.DEFINITIONS)
