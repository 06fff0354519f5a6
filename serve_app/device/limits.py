"""How large a batch may be, learnt from running out of memory."""

import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass

FIRST_WAIT_S = 10.0
LONGEST_WAIT_S = 640.0


@dataclass
class _Learnt:
    size: int  # what fitted last, or ought to
    wait_s: float  # before one more is tried
    probe_at: float


class BatchLimits:
    """Items that a batch of each kind may have: `general`, or fewer where they did not fit.

    A batch that runs out of memory halves the limit of its kind alone. Ten seconds later one more
    item is tried. Where it fits, the limit is one higher, and the next is tried ten seconds later;
    where it does not, the limit stays, and the wait before the next try doubles, up to 640 s.
    """

    def __init__(self, general: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.general = general
        self._clock = clock
        self._learnt: dict[Hashable, _Learnt] = {}

    def of(self, kind: Hashable) -> int:
        """How many items the next batch of this kind may have."""
        learnt = self._learnt.get(kind)
        if learnt is None:
            return self.general
        return min(self.general, learnt.size + (self._clock() >= learnt.probe_at))

    def fitted(self, kind: Hashable, size: int) -> None:
        """A batch of this size ran."""
        learnt = self._learnt.get(kind)
        if learnt is not None and size > learnt.size:
            self._learnt[kind] = self._learns(size, FIRST_WAIT_S)

    def overflowed(self, kind: Hashable, size: int) -> int:
        """A batch of this size ran out of memory; returns the limit from now on."""
        learnt = self._learnt.get(kind)
        if learnt is not None and size > learnt.size:
            wait_s = min(2 * learnt.wait_s, LONGEST_WAIT_S)
            self._learnt[kind] = self._learns(learnt.size, wait_s)
        else:
            self._learnt[kind] = self._learns(max(1, size // 2), FIRST_WAIT_S)
        return self._learnt[kind].size

    def _learns(self, size: int, wait_s: float) -> _Learnt:
        return _Learnt(size, wait_s, self._clock() + wait_s)
