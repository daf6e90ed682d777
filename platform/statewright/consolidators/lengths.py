"""Lengths of stays in classes about three percent wide, counted so that a percentile is found without sorting them all.

An index by length would cost a random page for every stay that ends. Counts per class cost almost nothing; whoever asks
reads from them in which class a percentile lies, and sorts the stays of that class alone. The classes are those of
HdrHistogram: as many to every power of two.
"""

from __future__ import annotations

_BITS = 5
_PER_POWER = 1 << _BITS


def class_of(length_us: int) -> int:
    """The class of a length in microseconds; a greater length is never in a lower class."""
    if length_us < _PER_POWER:
        return length_us
    shift = length_us.bit_length() - _BITS - 1
    return (shift << _BITS) + (length_us >> shift)
