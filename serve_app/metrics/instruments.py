"""Counters, gauges and histograms with their labels, over Ray Serve's.

Serve adds the labels `application`, `deployment` and `replica`, from the replica that the process
is. So an instrument is made when it is first used: at import there is no replica yet. Without
Ray, as in unit tests, values go nowhere.

Three things to know of Ray's export:

- A gauge is exported once for each time that it is set, and forgotten after two export intervals.
  So gauges are set again and again, by `readings.py`.
- A histogram is rebuilt from the counts of its buckets, each value as the middle of its bucket. So
  its count and its buckets are exact, but its sum is not, unless each bucket has its only possible
  value in the middle, as `WHOLE_NUMBERS` has.
- A counter appears with its first event.
"""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, ClassVar

from ray.serve import metrics

SECONDS = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 3, 5, 7.5, 10, 15, 20, 30, 45, 60, 90, 120,
    180, 300,
)  # fmt: skip
"""Bounds for what a client waits for."""

STEP_SECONDS = (
    0.005, 0.01, 0.015, 0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10,
)  # fmt: skip
"""Bounds for a denoising step."""

WHOLE_NUMBERS = (*(n + 0.5 for n in range(33)), 64.5, 128.5, 256.5)
"""Bounds at halves: whole numbers from 1 to 32 are the middles of their buckets, and keep their
mean. Larger ones are counted in wider buckets."""

DECLARED: "dict[str, Instrument]" = {}
"""All of them, by name."""


class Instrument:
    """One metric. `labels` are the names of those that each value is given with."""

    kind: ClassVar[str]

    def __init__(self, name: str, meaning: str, labels: Sequence[str] = ()) -> None:
        self.name, self.meaning, self.labels = name, meaning, tuple(labels)
        self._tags: Any = self.labels  # Ray's annotation knows of one alone
        DECLARED[name] = self

    def _record(self, value: float, labels: dict[str, str]) -> None:
        self._recording(value, labels)

    @cached_property
    def _recording(self) -> Callable[[float, dict[str, str]], Any]:
        raise NotImplementedError


class Counter(Instrument):
    """Exported with `_total` after its name."""

    kind = "counter"

    def add(self, value: float = 1, **labels: str) -> None:
        """Count more; nothing where `value` is 0."""
        if value > 0:
            self._record(value, labels)

    @cached_property
    def _recording(self) -> Callable[[float, dict[str, str]], Any]:
        return metrics.Counter(self.name, self.meaning, self._tags).inc


class Gauge(Instrument):
    """To be set at least once a second, or Ray forgets it."""

    kind = "gauge"

    def set(self, value: float, **labels: str) -> None:
        self._record(value, labels)

    @cached_property
    def _recording(self) -> Callable[[float, dict[str, str]], Any]:
        return metrics.Gauge(self.name, self.meaning, self._tags).set


class Histogram(Instrument):
    """Exported as `_bucket`, `_count` and `_sum`. `bounds` are the upper ends of its buckets."""

    kind = "histogram"

    def __init__(
        self, name: str, meaning: str, labels: Sequence[str] = (), *, bounds: Sequence[float]
    ) -> None:
        super().__init__(name, meaning, labels)
        self.bounds = list(bounds)

    def observe(self, value: float, **labels: str) -> None:
        self._record(value, labels)

    @cached_property
    def _recording(self) -> Callable[[float, dict[str, str]], Any]:
        return metrics.Histogram(self.name, self.meaning, self.bounds, self._tags).observe
