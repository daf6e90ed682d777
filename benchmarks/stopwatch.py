"""How long something takes, with the garbage of its preparation out of the way."""

from __future__ import annotations

import gc
import time


class Stopwatch:
    """`with Stopwatch() as watch:` around the work; then `watch.seconds`."""

    seconds = 0.0

    def __enter__(self) -> Stopwatch:
        gc.collect()
        gc.freeze()  # what was prepared is not ours to walk again and again while the clock runs
        self._began = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._began
        gc.unfreeze()
