"""When requests are sent: after each answer (closed loop) or at given times (open loop).

A closed loop measures what N busy clients get; its rate falls as the service slows down. An open
loop measures a given rate, and so shows the queue that a closed loop hides.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Arrivals:
    """The moment of each request, in seconds from the start, and how many may be in flight."""

    kind: str
    settings: Mapping[str, float]
    moments: tuple[float, ...]
    in_flight: int

    @property
    def label(self) -> str:
        """As tables and plots name it."""
        return ", ".join(f"{name} {value:g}" for name, value in self.settings.items())


def closed(count: int, concurrency: int) -> Arrivals:
    """Each of `concurrency` clients sends its next request when its last was answered."""
    settings = {"concurrency": concurrency}
    return Arrivals("closed", settings, (0.0,) * count, min(concurrency, count))


def poisson(count: int, rate: float, seed: int) -> Arrivals:
    """Independent clients that together send `rate` requests a second."""
    rng = random.Random(seed)
    moments, moment = [], 0.0
    for _ in range(count):
        moment += rng.expovariate(rate)
        moments.append(moment)
    return Arrivals("poisson", {"rate": rate}, tuple(moments), count)


def waves(count: int, number: int, gap_s: float, apart_s: float) -> Arrivals:
    """`number` waves, `gap_s` from start to start, whose requests are `apart_s` apart."""
    size = -(-count // number)
    moments = tuple(i // size * gap_s + i % size * apart_s for i in range(count))
    return Arrivals("waves", {"waves": number, "gap_s": gap_s, "apart_s": apart_s}, moments, count)
