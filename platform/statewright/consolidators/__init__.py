"""Read models built from the feed, each into its own tables: the built-in ones, and the runner that keeps them up."""

from __future__ import annotations

from statewright.consolidators.database import UnknownConsolidator, ask_for_rebuild, ask_for_retry, opened
from statewright.consolidators.deadlines import Deadlines
from statewright.consolidators.entities import Entities
from statewright.consolidators.flow import Flow
from statewright.consolidators.runner import BUILT_IN, Runner
from statewright.consolidators.stays import Stays
from statewright.consolidators.words import Building, Consolidator, Rebuilds, Unhandled

__all__ = [
    "BUILT_IN",
    "Building",
    "Consolidator",
    "Deadlines",
    "Entities",
    "Flow",
    "Rebuilds",
    "Runner",
    "Stays",
    "Unhandled",
    "UnknownConsolidator",
    "ask_for_rebuild",
    "ask_for_retry",
    "opened",
]
