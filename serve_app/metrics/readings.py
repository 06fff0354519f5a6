"""Gauges, read and set every second in a thread of the replica.

Ray exports a gauge that was set lately, and forgets it otherwise. What is read is true at that
moment, whatever has happened since the last time; and neither requests nor steps pay for it.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from serve_app.observability import log_event

_EVERY_S = 1.0  # no longer than Ray's shortest export interval
_STATUS = Path("/proc/self/status")

Reading = Callable[[], None]
"""Reads something and sets its gauges."""


class Readings:
    """Those of one replica."""

    def __init__(self, readings: Iterable[Reading]) -> None:
        self._readings = list(readings)
        self._failing: set[Reading] = set()

    def take(self) -> None:
        """Take each once; one that fails is logged when it begins to, and keeps no other back."""
        for reading in self._readings:
            try:
                reading()
            except Exception:
                if reading not in self._failing:
                    log_event("reading failed", logging.ERROR)
                self._failing.add(reading)
            else:
                self._failing.discard(reading)

    def keep_taking(self) -> None:
        """Take them every second from now on, for as long as the process lives."""
        threading.Thread(target=self._follow, name="readings", daemon=True).start()

    def _follow(self) -> None:
        pause = threading.Event()
        while True:
            self.take()
            pause.wait(_EVERY_S)


def resident_bytes() -> int | None:
    """The memory of this process that is in RAM, shared pages too; None where Linux is not."""
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return None
    words = next((line.split() for line in lines if line.startswith("VmRSS:")), None)
    return None if words is None else 1024 * int(words[1])
