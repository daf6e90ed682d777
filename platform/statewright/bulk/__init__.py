"""Bulk events carried out: one event sent to many entities by the server, after a preview on each of them."""

from statewright.bulk.asking import BadBulkEvent, asked, event_schema
from statewright.bulk.sending import BulkSender

__all__ = ["BadBulkEvent", "BulkSender", "asked", "event_schema"]
