"""A revision tried on the whole recorded history of its type, beside the server that goes on working."""

from statewright.backtests.keeping import Keeper
from statewright.backtests.running import run

__all__ = ["Keeper", "run"]
