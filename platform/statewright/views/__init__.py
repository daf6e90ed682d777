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
    RevisionCount,
    Seconds,
    Standing,
    State,
    StateStays,
    Stays,
    TypeOverview,
    state_of,
)
from statewright.views.deadlines import BEGINNING, Cursor, Deadline, DeadlinePage
from statewright.views.listing import Order
from statewright.views.moment import Basis
from statewright.views.questions import Views
from statewright.views.standing import with_lag

__all__ = [
    "BEGINNING",
    "Arrow",
    "Basis",
    "ConfigurationCount",
    "Counts",
    "Cursor",
    "Deadline",
    "DeadlinePage",
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
    "RevisionCount",
    "Seconds",
    "Standing",
    "State",
    "StateStays",
    "Stays",
    "TypeOverview",
    "Views",
    "state_of",
    "with_lag",
]
