"""Lines that anybody can cause, kept from flooding the log."""

import time
from collections.abc import Callable, Hashable


class Seldom:
    """Each key once in `every_s`, and no more than `keys` of them."""

    def __init__(
        self, every_s: float = 60.0, keys: int = 20, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._every_s, self._keys, self._clock = every_s, keys, clock
        self._began = -float("inf")
        self._seen: set[Hashable] = set()

    def lets(self, key: Hashable) -> bool:
        """Whether to write this line now."""
        now = self._clock()
        if now - self._began >= self._every_s:
            self._began = now
            self._seen.clear()
        if key in self._seen or len(self._seen) >= self._keys:
            return False
        self._seen.add(key)
        return True
