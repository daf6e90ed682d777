"""What is known about definitions: documents, the machines made of them, who may do what, and what was refused."""

from statewright.catalog.backtests import Backtest, UnknownBacktest
from statewright.catalog.bulk import BulkEvent, NotReady, TooManyEntities, UnknownBulkEvent
from statewright.catalog.catalog import Catalog, Registration, Revision, TypeEntry
from statewright.catalog.drafts import Change, Conflict, Draft, DraftEdited, Drafts
from statewright.catalog.errors import (
    CatalogError,
    DraftThere,
    InvalidDefinition,
    TooManyDefinitions,
    TooManyDrafts,
    UnknownRevision,
    UnknownType,
    WrongStatus,
)
from statewright.catalog.noted import Group, Told, Wanted, rule_of
from statewright.catalog.refusals import Refusal, RefusalCount, RefusalPage, Refusals
from statewright.catalog.saved import BadName, NameTaken, SavedView, TooManyViews, UnknownView

__all__ = [
    "Backtest",
    "BadName",
    "BulkEvent",
    "Catalog",
    "CatalogError",
    "Change",
    "Conflict",
    "Draft",
    "DraftEdited",
    "DraftThere",
    "Drafts",
    "Group",
    "InvalidDefinition",
    "NameTaken",
    "NotReady",
    "Refusal",
    "RefusalCount",
    "RefusalPage",
    "Refusals",
    "Registration",
    "Revision",
    "SavedView",
    "Told",
    "TooManyDefinitions",
    "TooManyDrafts",
    "TooManyEntities",
    "TooManyViews",
    "TypeEntry",
    "UnknownBacktest",
    "UnknownBulkEvent",
    "UnknownRevision",
    "UnknownType",
    "UnknownView",
    "Wanted",
    "WrongStatus",
    "rule_of",
]
