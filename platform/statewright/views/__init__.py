"""Questions with plain answers, asked of the read models that the consolidators keep."""

from __future__ import annotations

from statewright.views.answers import (
    Arrow,
    ConfigurationCount,
    Counts,
    EntityPage,
    EntityRow,
    Flow,
    HourCount,
    NotBuiltYet,
    NotThereYet,
    Overview,
    Parked,
    Rebuild,
    Seconds,
    Standing,
    State,
    StateStays,
    Stays,
    TypeOverview,
    state_of,
)
from statewright.views.questions import Basis, Order, Views

__all__ = [
    "Arrow",
    "Basis",
    "ConfigurationCount",
    "Counts",
    "EntityPage",
    "EntityRow",
    "Flow",
    "HourCount",
    "NotBuiltYet",
    "NotThereYet",
    "Order",
    "Overview",
    "Parked",
    "Rebuild",
    "Seconds",
    "Standing",
    "State",
    "StateStays",
    "Stays",
    "TypeOverview",
    "Views",
    "state_of",
]
