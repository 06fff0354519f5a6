"""How long steps take, learnt as they run, and when a row will be finished."""

import math
import time
from collections.abc import Callable, Container, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Shape = tuple[int, int, int]
"""Channels, height and width of latents; rows of one shape share steps."""

_FORGETTING = 0.98  # the last fifty steps count most
_FIRST_GUESS = (0.02, 0.02, 0.01, 0.0, 0.0)  # seconds, of `_features`
# What could be either counts for a step itself, rather than for its being another than the last.
_PRIOR_WEIGHTS = np.diag((0.03, 0.03, 0.03, 1.0, 1.0))
_USUAL_S = 2.0  # over which the usual load is averaged, and forgotten where no row arrives
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
    """What steps of each shape take, fitted to those seen.

    In seconds `a + b lanes + c conditioned`, and in a step whose rows are not those of the one
    before (backends prepare for a batch of another size) `d + e started`: rows that start have
    their texts and edges encoded first.
    """

    def __init__(self) -> None:
        self._fits: dict[Shape, _Fit] = {}
        self._last: dict[Shape, Load] = {}

    @property
    def taught(self) -> bool:
        return bool(self._fits)

    def observe(self, shape: Shape, load: Load, seconds: float, started: int = 0) -> None:
        """A step of such a load took so long; so many of its rows were new."""
        if shape not in self._fits:
            self._fits[shape] = _Fit(self._coefficients(shape))
        changed = started > 0 or load != self._last.get(shape)
        self._last[shape] = load
        self._fits[shape].observe(_features(load, changed, started), seconds)

    def seconds(self, shape: Shape, load: Load) -> float:
        """The expected seconds of a step of the same rows as the one before. A shape never seen is
        guessed from the one nearest to it, by area."""
        return max(float(_features(load) @ self._coefficients(shape)), 1e-4)

    def seconds_of_change(self, shape: Shape, started: int) -> float:
        """What a step takes longer whose rows are others, so many of them new."""
        return float(_features(Load(), True, started)[3:] @ self._coefficients(shape)[3:])

    def _coefficients(self, shape: Shape) -> np.ndarray:
        if shape in self._fits:
            return self._fits[shape].coefficients
        if not self._fits:
            return np.array(_FIRST_GUESS)
        area = shape[1] * shape[2]
        nearest = min(self._fits, key=lambda seen: abs(math.log(seen[1] * seen[2] / area)))
        return self._fits[nearest].coefficients * area / (nearest[1] * nearest[2])


class _Fit:
    """Exponentially weighted least squares, without negative coefficients."""

    def __init__(self, prior: np.ndarray) -> None:
        self._prior = prior
        self._squares = np.zeros((len(prior), len(prior)))
        self._products = np.zeros(len(prior))
        self.coefficients = prior

    def observe(self, features: np.ndarray, seconds: float) -> None:
        self._squares = _FORGETTING * self._squares + np.outer(features, features)
        self._products = _FORGETTING * self._products + features * seconds
        squares = self._squares + _PRIOR_WEIGHTS
        products = self._products + _PRIOR_WEIGHTS @ self._prior
        kept = np.ones(len(features), bool)
        found = np.linalg.solve(squares, products)
        while (found < 0).any():  # what is known of little: left out, and the rest fitted again
            kept &= found >= 0
            found = np.zeros(len(features))
            found[kept] = np.linalg.solve(squares[np.ix_(kept, kept)], products[kept])
        self.coefficients = found


def _features(load: Load, changed: bool = False, started: int = 0) -> np.ndarray:
    return np.array([1.0, load.lanes, load.conditioned, changed, started])


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
        self._faded_at = self._arrived_at = clock()
        self._finishes: dict[Hashable, float] | None = None  # on the clock

    @property
    def taught(self) -> bool:
        """Whether it has seen any step."""
        return self._times.taught

    def arrived(self) -> None:
        """A row came: more may follow."""
        self._arrived_at = self._clock()

    def learn(self, shape: Shape, load: Load, seconds: float, started: int = 0) -> None:
        """A step took so long, and began with rows that started in it."""
        self._times.observe(shape, load, seconds, started)
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
            # After a burst nobody takes the places that its rows leave.
            share = math.exp((self._arrived_at - now) / _USUAL_S)
            usual = {shape: Load().towards(load, share) for shape, load in self._usual.items()}
            finishes = finish_times(groups(), usual, self._times)
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
    before = {shape: _load_of(rows) for shape, rows in running.items()}
    now = 0.0
    while True:
        started = dict.fromkeys(running, 0)
        for shape, rows in running.items():
            while waiting[shape] and len(rows) < groups[shape].slots:
                rows.append(waiting[shape].pop())
                started[shape] += 1
        active = {shape: rows for shape, rows in running.items() if rows}
        if not active:
            return
        round_s = 0.0
        for shape, rows in active.items():
            load = _load_of(rows)
            round_s += times.seconds(shape, load.at_least(usual.get(shape, Load())))
            if started[shape] or load != before[shape]:
                now += times.seconds_of_change(shape, started[shape])
            before[shape] = load
        steps = min(row.steps for rows in active.values() for row in rows)
        now += steps * round_s
        for shape, rows in active.items():
            for row in rows:
                row.advance(steps)
            yield from ((row.key, now) for row in rows if row.finished)
            running[shape] = [row for row in rows if not row.finished]


def _load_of(rows: Iterable[Remaining]) -> Load:
    return sum((row.load for row in rows), Load())
