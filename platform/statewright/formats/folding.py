"""How what only our language has travels in other notations: under `meta.statewright`, and back from there."""

from __future__ import annotations

from typing import Any

KEY = "statewright"


def folded(known: dict[str, Any], ours: dict[str, Any]) -> dict[str, Any]:
    """`known` with `ours` under its `meta.statewright`; a person's own key of that name is kept inside."""
    meta = known.get("meta", {})
    if not ours and KEY not in meta:
        return known
    if KEY in meta:
        ours = {**ours, "meta": meta}
        meta = {key: value for key, value in meta.items() if key != KEY}
    return {**known, "meta": {**meta, KEY: ours}}


def unfolded(raw: dict[str, Any]) -> dict[str, Any]:
    """An object with what was folded into its `meta` back in its place, where it wins over what stands there."""
    meta = raw.get("meta")
    ours = meta.get(KEY) if isinstance(meta, dict) else None
    if not isinstance(meta, dict) or not isinstance(ours, dict):
        return raw
    rest = {key: value for key, value in meta.items() if key != KEY}
    bare = {key: value for key, value in raw.items() if key != "meta"}
    return {**bare, **({"meta": rest} if rest else {}), **ours}


def is_ours(raw: dict[str, Any]) -> bool:
    """Whether a machine was written by our own export, so that nothing about it need be guessed."""
    meta = raw.get("meta")
    ours = meta.get(KEY) if isinstance(meta, dict) else None
    return isinstance(ours, dict) and "language" in ours
