"""Read models built from the feed, each into its own tables: the built-in ones, and the runner that keeps them up."""

from __future__ import annotations

from statewright.consolidators.database import UnknownConsolidator, ask_for_rebuild, ask_for_retry, opened
from statewright.consolidators.deadlines import Deadlines
from statewright.consolidators.entities import Entities
from statewright.consolidators.flow import Flow
from statewright.consolidators.leases import Leases, Turn
from statewright.consolidators.registered import Registered
from statewright.consolidators.relations import Relations
from statewright.consolidators.runner import BUILT_IN, Runner
from statewright.consolidators.stays import Stays
from statewright.consolidators.variants import Variants
from statewright.consolidators.words import Building, Consolidator, Definitions, Informed, Rebuilds, Unhandled

__all__ = [
    "BUILT_IN",
    "Building",
    "Consolidator",
    "Deadlines",
    "Definitions",
    "Entities",
    "Flow",
    "Informed",
    "Leases",
    "Rebuilds",
    "Registered",
    "Relations",
    "Runner",
    "Stays",
    "Turn",
    "Unhandled",
    "UnknownConsolidator",
    "Variants",
    "ask_for_rebuild",
    "ask_for_retry",
    "opened",
]
