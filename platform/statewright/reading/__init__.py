"""Documents read for a server: small ones where they are asked for, large ones in a process of their own."""

from statewright.reading.reader import LARGE, Reader

__all__ = ["LARGE", "Reader"]
