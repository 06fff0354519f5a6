"""How long steps take, learnt as they run, and when a row will be finished."""

import math
import time
from collections.abc import Callable, Container, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Shape = tuple[int, int, int]
"""Channels, height and width of latents; rows of one shape share steps."""

_FORGETTING = 0.98  # the last fifty steps count most
_PRIOR_WEIGHT = 0.1
_FIRST_GUESS = (0.02, 0.02, 0.01)  # seconds: a step, each lane, each conditioned lane
_USUAL_S = 2.0  # over which the usual load is averaged
_NEGLIGIBLE = 0.01


@dataclass(frozen=True)
class Load:
    """What rows add to a step: lanes of the networks' batch, and how many are conditioned."""

    lanes: float = 0
    conditioned: float = 0

    def __add__(self, other: "Load") -> "Load":
        return Load(self.lanes + other.lanes, self.conditioned + other.conditioned)

    def towards(self, other: "Load", share: float) -> "Load":
        """This load, moved a share of the way to another."""
        return Load(
            self.lanes + share * (other.lanes - self.lanes),
            self.conditioned + share * (other.conditioned - self.conditioned),
        )

    def at_least(self, other: "Load") -> "Load":
        return Load(max(self.lanes, other.lanes), max(self.conditioned, other.conditioned))


class StepTimes:
    """Fits `seconds = a + b lanes + c conditioned` for each shape: exponentially weighted least
    squares."""

    def __init__(self) -> None:
        self._fits: dict[Shape, _Fit] = {}

    @property
    def taught(self) -> bool:
        return bool(self._fits)

    def observe(self, shape: Shape, load: Load, seconds: float) -> None:
        if shape not in self._fits:
            self._fits[shape] = _Fit(self._coefficients(shape))
        self._fits[shape].observe(load, seconds)

    def seconds(self, shape: Shape, load: Load) -> float:
        """The expected seconds of a step. A shape never seen is guessed from another's, by area."""
        return max(float(_features(load) @ self._coefficients(shape)), 1e-4)

    def _coefficients(self, shape: Shape) -> np.ndarray:
        if shape in self._fits:
            return self._fits[shape].coefficients
        if not self._fits:
            return np.array(_FIRST_GUESS)
        known, fit = next(iter(self._fits.items()))
        return fit.coefficients * (shape[1] * shape[2]) / (known[1] * known[2])


class _Fit:
    def __init__(self, prior: np.ndarray) -> None:
        self._prior = prior
        self._squares = np.zeros((3, 3))
        self._products = np.zeros(3)
        self.coefficients = prior

    def observe(self, load: Load, seconds: float) -> None:
        features = _features(load)
        self._squares = _FORGETTING * self._squares + np.outer(features, features)
        self._products = _FORGETTING * self._products + features * seconds
        self.coefficients = np.linalg.solve(
            self._squares + _PRIOR_WEIGHT * np.eye(3),
            self._products + _PRIOR_WEIGHT * self._prior,
        )


def _features(load: Load) -> np.ndarray:
    return np.array([1.0, load.lanes, load.conditioned])


class Remaining:
    """A row as the forecast sees it: its remaining steps, in phases of one load each.

    `finish_times` plays it forward, so it serves once.
    """

    def __init__(self, key: Hashable, phases: Sequence[tuple[int, Load]]) -> None:
        self.key = key
        self._phases = list(phases)[::-1]
        self.finished = False
        self.steps, self.load = self._phases.pop()

    def advance(self, steps: int) -> None:
        self.steps -= steps
        if self.steps == 0:
            if self._phases:
                self.steps, self.load = self._phases.pop()
            else:
                self.finished = True


@dataclass(frozen=True)
class Group:
    """The rows of one shape: those that run, and those that wait, in their order."""

    running: Sequence[Remaining]
    waiting: Sequence[Remaining]
    slots: int  # how many may run


class Forecast:
    """Says when rows will be finished, at the step times seen so far.

    Worked out once for all rows, when it is first asked after something changed. Not thread-safe.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._times = StepTimes()
        self._usual: dict[Shape, Load] = {}  # what a step of a shape has been carrying lately
        self._faded_at = clock()
        self._finishes: dict[Hashable, float] | None = None  # on the clock

    @property
    def taught(self) -> bool:
        """Whether it has seen any step."""
        return self._times.taught

    def learn(self, shape: Shape, load: Load, seconds: float) -> None:
        """A step took so long."""
        self._times.observe(shape, load, seconds)
        usual = self._usual.get(shape, Load())
        self._usual[shape] = usual.towards(load, 1 - math.exp(-seconds / _USUAL_S))
        self._finishes = None

    def changed(self, present: Container[Shape]) -> None:
        """Rows joined, advanced or left, or the batch size changed. `present`: shapes that had rows
        since the last call; the usual load of the others fades."""
        now = self._clock()
        share = 1 - math.exp((self._faded_at - now) / _USUAL_S)
        self._faded_at = now
        for shape in [shape for shape in self._usual if shape not in present]:
            self._usual[shape] = self._usual[shape].towards(Load(), share)
            if self._usual[shape].lanes < _NEGLIGIBLE:
                del self._usual[shape]
        self._finishes = None

    def seconds_until(self, key: Hashable, groups: Callable[[], Mapping[Shape, Group]]) -> float:
        """Seconds until the row of this key is finished; `groups()` gives the rows as they are."""
        return max(0.0, self._known(groups)[key] - self._clock())

    def seconds_until_all(self, groups: Callable[[], Mapping[Shape, Group]]) -> float:
        """Seconds until every row is finished, 0 where there is none."""
        last = max(self._known(groups).values(), default=0.0)
        return max(0.0, last - self._clock())

    def _known(self, groups: Callable[[], Mapping[Shape, Group]]) -> dict[Hashable, float]:
        if self._finishes is None:
            now = self._clock()
            finishes = finish_times(groups(), self._usual, self._times)
            self._finishes = {row: now + seconds for row, seconds in finishes}
        return self._finishes

    def seconds_alone(self, shape: Shape, row: Remaining) -> float:
        """Seconds that a row would take if there were no other."""
        ((_, seconds),) = finish_times({shape: Group([row], [], 1)}, {}, self._times)
        return seconds


def finish_times(
    groups: Mapping[Shape, Group], usual: Mapping[Shape, Load], times: StepTimes
) -> Iterable[tuple[Hashable, float]]:
    """Rows in the order of their finish, with the seconds until then.

    Shapes take turns, a step each. Rows that will arrive are not known, so a step is taken to
    carry at least its usual load: under steady traffic a freed place does not stay empty.
    """
    running = {shape: list(group.running) for shape, group in groups.items()}
    waiting = {shape: list(group.waiting)[::-1] for shape, group in groups.items()}
    now = 0.0
    while True:
        for shape, rows in running.items():
            while waiting[shape] and len(rows) < groups[shape].slots:
                rows.append(waiting[shape].pop())
        active = {shape: rows for shape, rows in running.items() if rows}
        if not active:
            return
        round_s = 0.0
        for shape, rows in active.items():
            load = sum((row.load for row in rows), Load())
            round_s += times.seconds(shape, load.at_least(usual.get(shape, Load())))
        steps = min(row.steps for rows in active.values() for row in rows)
        now += steps * round_s
        for shape, rows in active.items():
            for row in rows:
                row.advance(steps)
            yield from ((row.key, now) for row in rows if row.finished)
            running[shape] = [row for row in rows if not row.finished]
