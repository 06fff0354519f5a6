"""Which rows take the next step: who waits, who runs, whose turn it is.

Waiting rows of one shape are ordered by their arrival less a head start: each point of priority is
worth `HEAD_START_S` seconds of waiting. So a row that has waited that much longer goes before one
of the next priority, and nobody starves. Shapes take turns, a step each.
"""

import bisect
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from serve_app.denoise.forecast import Group, Load, Remaining, Shape
from serve_app.denoise.trajectory import Trajectory, Work

HEAD_START_S = 10.0


@dataclass(frozen=True)
class Joined:
    """The first step, from 1, that a row took in a batch of that size, and when that ended."""

    step: int
    batch_size: int
    moment: float


@dataclass(eq=False)
class Row:
    """One image's place in the engine: waiting until it has a trajectory."""

    work: Work
    shape: Shape
    arrived: float
    priority: int = 0
    preview_steps: frozenset[int] = frozenset()
    trajectory: Trajectory | None = None
    finish_by: float | None = None  # on the engine's clock
    started: float | None = None
    batch_size_sum: int = 0  # rows it shared steps with, itself included, summed over its steps
    batch_sizes: list[Joined] = field(default_factory=list)  # where that number changed
    gone: bool = False  # finished, failed or cancelled

    def stepped_with(self, rows: int, now: float) -> None:
        """Note the size of the batch in which it has just taken a step."""
        self.batch_size_sum += rows
        if not self.batch_sizes or self.batch_sizes[-1].batch_size != rows:
            self.batch_sizes.append(Joined(self.steps_done, rows, now))

    @property
    def order(self) -> float:
        return self.arrived - HEAD_START_S * self.priority

    @property
    def steps_done(self) -> int:
        return self.trajectory.sampler.done if self.trajectory else 0

    @property
    def load(self) -> Load:
        """What its next step carries."""
        return self._load(self.steps_done)

    def remaining(self) -> Remaining:
        """What is left of it, for the forecast."""
        done, work = self.steps_done, self.work
        changes = {work.guided_steps, work.steered_steps.start, work.steered_steps.stop, work.steps}
        moments = sorted({done, *(step for step in changes if step > done)})
        phases = [(end - begin, self._load(begin)) for begin, end in pairwise(moments)]
        return Remaining(self, phases or [(1, Load())])

    def _load(self, step: int) -> Load:
        lanes = 2 if step < self.work.guided_steps else 1
        return Load(lanes, lanes if step in self.work.steered_steps else 0)


@dataclass
class ShapeQueue:
    """The rows of one shape."""

    running: list[Row] = field(default_factory=list)
    waiting: list[Row] = field(default_factory=list)  # in order


class Batcher:
    """Rows by shape; knows neither time nor tensors."""

    def __init__(self, limit: Callable[[Shape], int]) -> None:
        """`limit` says how many rows a step of a shape takes."""
        self._limit = limit
        self.shapes: dict[Shape, ShapeQueue] = {}  # the first one is next

    def add(self, row: Row) -> None:
        queue = self.shapes.setdefault(row.shape, ShapeQueue())
        bisect.insort(queue.waiting, row, key=lambda waiting: waiting.order)

    def remove(self, row: Row) -> None:
        """Take a row out wherever it is."""
        row.gone = True
        queue = self.shapes.get(row.shape)
        if queue is None:
            return
        for rows in (queue.running, queue.waiting):
            if row in rows:
                rows.remove(row)
        if not queue.running and not queue.waiting:
            del self.shapes[row.shape]

    def next_rows(self) -> list[Row]:
        """The rows of the shape whose turn it is, filled up from those that wait."""
        if not self.shapes:
            return []
        shape = next(iter(self.shapes))
        queue = self.shapes.pop(shape)
        self.shapes[shape] = queue
        limit = self._limit(shape)
        free = max(0, limit - len(queue.running))
        queue.running += queue.waiting[:free]
        del queue.waiting[:free]
        chosen = queue.running[:limit]
        # More run than fit where the limit was lowered meanwhile: they rotate.
        queue.running = queue.running[limit:] + chosen
        return chosen

    def ahead_of(self, row: Row) -> int:
        """Its position in the queue: 1 is next to start, 0 runs."""
        waiting = self.shapes[row.shape].waiting if row.shape in self.shapes else []
        return waiting.index(row) + 1 if row in waiting else 0

    def groups(self) -> dict[Shape, Group]:
        """All rows, for the forecast."""
        return {
            shape: Group(
                [row.remaining() for row in queue.running],
                [row.remaining() for row in queue.waiting],
                self._limit(shape),
            )
            for shape, queue in self.shapes.items()
        }

    def rows(self) -> Iterator[Row]:
        for queue in self.shapes.values():
            yield from queue.running
            yield from queue.waiting
