"""What callers may ask for: send events and create entities, and read one entity as the log has it."""

from statewright.commands.asking import AllowedEvent, Asking
from statewright.commands.committer import Committer
from statewright.commands.erasing import Erasing, NothingToErase
from statewright.commands.timers import Stuck, Timers, firing_of
from statewright.commands.words import Answer, Done, Failed, NotDone, SendEvent, SendTogether, Together, digest_of

__all__ = [
    "AllowedEvent",
    "Answer",
    "Asking",
    "Committer",
    "Done",
    "Erasing",
    "Failed",
    "NotDone",
    "NothingToErase",
    "SendEvent",
    "SendTogether",
    "Stuck",
    "Timers",
    "Together",
    "digest_of",
    "firing_of",
]
