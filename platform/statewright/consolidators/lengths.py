"""Lengths of time in classes, counted so that a percentile is found without sorting them all.

An index by length would cost a random page for every stay that ends. Counts per class cost almost nothing. The classes
are those of HdrHistogram: as many to every power of two. The coarse ones are about three percent wide: whoever asks
reads from their counts in which class a percentile lies, and sorts the stays of that class alone. The fine ones are so
narrow that their middle is within one percent of every length in them, and is given for it.
"""

from __future__ import annotations

_COARSE = 5
_FINE = 6


def class_of(length_us: int, bits: int = _COARSE) -> int:
    """The coarse class of a length in microseconds; a greater length is never in a lower class."""
    if length_us < 1 << bits:
        return length_us
    shift = length_us.bit_length() - bits - 1
    return (shift << bits) + (length_us >> shift)


def fine_class_of(length_us: int) -> int:
    """The fine class of a length in microseconds; a greater length is never in a lower class."""
    return class_of(length_us, _FINE)


def middle_of(fine_class: int) -> float:
    """The length in the middle of a fine class, in microseconds; at most 1/128 away from any length in it."""
    shift = max((fine_class >> _FINE) - 1, 0)
    least = (fine_class - (shift << _FINE)) << shift
    return least + ((1 << shift) - 1) / 2
