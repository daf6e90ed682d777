"""What is known about definitions: documents, the machines made of them, who may do what, and what was refused."""

from statewright.catalog.backtests import Backtest, UnknownBacktest
from statewright.catalog.catalog import Catalog, Registration, Revision, TypeEntry
from statewright.catalog.errors import (
    CatalogError,
    InvalidDefinition,
    TooManyDefinitions,
    UnknownRevision,
    UnknownType,
    WrongStatus,
)
from statewright.catalog.refusals import Refusal, RefusalCount, RefusalPage, Refusals

__all__ = [
    "Backtest",
    "Catalog",
    "CatalogError",
    "InvalidDefinition",
    "Refusal",
    "RefusalCount",
    "RefusalPage",
    "Refusals",
    "Registration",
    "Revision",
    "TooManyDefinitions",
    "TypeEntry",
    "UnknownBacktest",
    "UnknownRevision",
    "UnknownType",
    "WrongStatus",
]
