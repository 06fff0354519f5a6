"""The step-level engine: every denoising step is a batch that rows join and leave at will.

Synchronous, without Ray or HTTP. `step()` belongs to one thread; the rest may be called from any,
also while a step runs. A row that is cancelled meanwhile takes no part in the next step.
"""

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import torch

from serve_app.denoise import lanes
from serve_app.denoise.batcher import Batcher, Row
from serve_app.denoise.forecast import Ahead, Group, Load, Shape, StepTimes, finish_times
from serve_app.denoise.pace import Pace
from serve_app.denoise.sampler import Samplers
from serve_app.denoise.trajectory import Model, Trajectory, Work, start_all
from serve_app.errors import DeadlineUnmet, StageFailed

_USUAL_S = 2.0  # over which the usual load is averaged
_NEGLIGIBLE = 0.01
_MARGIN = 1.05  # a deadline is not promised to the last moment


@dataclass
class StepOutcome:
    """What a step did. Latents are read from the rows' trajectories."""

    stepped: list[Row] = field(default_factory=list)
    finished: list[Row] = field(default_factory=list)
    previews: list[tuple[Row, torch.Tensor]] = field(default_factory=list)
    failed: list[tuple[Row, Exception]] = field(default_factory=list)
    seconds: float = 0.0
    halved_to: int | None = None  # the batch size after running out of memory


class Engine:
    """Denoises rows of any mix of prompts, seeds, steps, samplers, guidance, edges and sizes."""

    def __init__(
        self, model: Model, max_batch_size: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._model = model
        self._samplers = Samplers(model.noise_schedule)
        self._batcher = Batcher(max_batch_size)
        self._pace = Pace(model.device)
        self._clock = clock
        self._lock = threading.Lock()
        self._times = StepTimes()
        self._usual: dict[Shape, Load] = {}
        self._faded_at = clock()

    def resize(self, max_batch_size: int) -> None:
        """Set how many rows a step takes, from the next step on."""
        with self._lock:
            self._batcher.max_batch_size = max_batch_size

    def add(
        self,
        work: Work,
        *,
        priority: int = 0,
        finish_within_s: float | None = None,
        previews: int = 0,
    ) -> Row:
        """Queue an image, with so many previews evenly on its way.

        Raises DeadlineUnmet at once where it would be finished too late.
        """
        shape = self._model.latent_shape(work.request.width, work.request.height)
        due = frozenset(round(work.steps * (i + 1) / (previews + 1)) for i in range(previews))
        row = Row(work, shape, self._clock(), priority, due)
        with self._lock:
            self._fade()
            self._batcher.add(row)
            if finish_within_s is not None:
                late_s = _MARGIN * self._eta_s(row) - finish_within_s
                if late_s > 0:
                    self._batcher.remove(row)
                    message = f"it would be finished {late_s:.1f} s too late"
                    raise DeadlineUnmet(message).after(max(1, math.ceil(late_s)))
        return row

    def cancel(self, row: Row) -> int:
        """Take a row out; returns the steps that are saved, 0 if it was gone already."""
        with self._lock:
            if row.gone:
                return 0
            self._batcher.remove(row)
            return row.work.steps - row.steps_done

    def eta_s(self, row: Row) -> float:
        """Seconds until the row's last step is done, at the step times seen so far."""
        with self._lock:
            return 0.0 if row.gone else self._eta_s(row)

    def position(self, row: Row) -> int:
        """Its place in the queue: 1 is next to start, 0 runs."""
        with self._lock:
            return self._batcher.ahead_of(row)

    def counts(self) -> tuple[int, int]:
        """How many rows run and how many wait."""
        with self._lock:
            places = self._batcher.shapes.values()
            return sum(len(p.running) for p in places), sum(len(p.waiting) for p in places)

    @torch.inference_mode()
    def step(self) -> StepOutcome:
        """One denoising step for the rows whose turn it is; nothing where there are none."""
        with self._lock:
            rows = self._batcher.next_rows()
        outcome = StepOutcome()
        if not rows:
            return outcome
        began = self._clock()
        self._start([row for row in rows if row.trajectory is None], outcome)
        ready = [row for row in rows if row.trajectory is not None]
        load = sum((_load(row, _trajectory(row).guided) for row in ready), Load())
        self._advance(ready, outcome)
        self._pace.keep()
        with self._lock:
            self._settle(outcome)
            outcome.seconds = self._clock() - began
            if outcome.stepped:
                self._learn(rows[0].shape, load, outcome.seconds)
        return outcome

    def abort(self) -> list[Row]:
        """Drop every row, after an error that is nobody's in particular; returns them."""
        with self._lock:
            rows = list(self._batcher.rows())
            for row in rows:
                self._batcher.remove(row)
            return rows

    def _start(self, rows: Sequence[Row], outcome: StepOutcome) -> None:
        """Give rows their trajectories, together; one that cannot start fails alone."""
        if not rows:
            return
        try:
            made = start_all([row.work for row in rows], self._model, self._samplers)
        except Exception as error:
            if len(rows) == 1:
                outcome.failed.append((rows[0], error.with_traceback(None)))
            else:
                for row in rows:
                    self._start([row], outcome)
            return
        for row, trajectory in zip(rows, made, strict=True):
            row.trajectory, row.started = trajectory, self._clock()

    def _advance(self, rows: Sequence[Row], outcome: StepOutcome) -> None:
        """Predict for all together and advance each; where that fails, find out who is to blame."""
        if not rows:
            return
        try:
            predictions = lanes.predict(self._model, [_trajectory(row) for row in rows])
        except Exception as error:
            if len(rows) == 1:
                outcome.failed.append((rows[0], error.with_traceback(None)))
            elif _out_of_memory(error):
                # The rows are as they were, and take this step in smaller batches.
                outcome.halved_to = len(rows) // 2
                self.resize(outcome.halved_to)
                torch.cuda.empty_cache()
            else:
                for row in rows:
                    self._advance([row], outcome)
            return
        for row, prediction in zip(rows, predictions, strict=True):
            try:
                _trajectory(row).advance(prediction)
            except Exception as error:
                outcome.failed.append((row, error.with_traceback(None)))
            else:
                outcome.stepped.append(row)

    def _settle(self, outcome: StepOutcome) -> None:
        """Sort the rows by what became of them."""
        self._fade()
        for row, _ in outcome.failed:
            self._batcher.remove(row)
        for row in outcome.stepped:
            if row.gone:  # its client left while the step ran
                continue
            trajectory = _trajectory(row)
            row.company += len(outcome.stepped)
            if trajectory.finished:
                self._batcher.remove(row)
                if trajectory.latents.isfinite().all():
                    outcome.finished.append(row)
                else:
                    outcome.failed.append((row, StageFailed("the image is not a number")))
            elif row.steps_done in row.preview_steps and trajectory.expected is not None:
                outcome.previews.append((row, trajectory.expected))

    def _learn(self, shape: Shape, load: Load, seconds: float) -> None:
        """Fit the step's time, and follow what a step of this shape usually carries."""
        self._times.observe(shape, load, seconds)
        usual = self._usual.get(shape, Load())
        self._usual[shape] = usual.towards(load, 1 - math.exp(-seconds / _USUAL_S))

    def _fade(self) -> None:
        """Let the usual load of shapes fade that have had no rows since the last call."""
        now = self._clock()
        share = 1 - math.exp((self._faded_at - now) / _USUAL_S)
        self._faded_at = now
        for shape in [shape for shape in self._usual if shape not in self._batcher.shapes]:
            self._usual[shape] = self._usual[shape].towards(Load(), share)
            if self._usual[shape].lanes < _NEGLIGIBLE:
                del self._usual[shape]

    def _eta_s(self, row: Row) -> float:
        groups = {}
        for shape, places in self._batcher.shapes.items():
            running, waiting = (
                [_ahead(r) for r in rows] for rows in (places.running, places.waiting)
            )
            groups[shape] = Group(running, waiting, self._usual.get(shape, Load()))
        finishes = finish_times(groups, self._batcher.max_batch_size, self._times)
        return next(seconds for key, seconds in finishes if key is row)


def _trajectory(row: Row) -> Trajectory:
    assert row.trajectory is not None
    return row.trajectory


def _load(row: Row, guided: bool) -> Load:
    lanes_taken = 2 if guided else 1
    return Load(lanes_taken, lanes_taken if row.work.edges is not None else 0)


def _ahead(row: Row) -> Ahead:
    guided = max(0, row.work.guided_steps - row.steps_done)
    unguided = max(0, row.work.steps - row.steps_done - guided)
    phases = [(guided, _load(row, True)), (unguided, _load(row, False))]
    return Ahead(row, [(steps, load) for steps, load in phases if steps] or [(1, Load())])


def _out_of_memory(error: Exception) -> bool:
    return isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
        isinstance(error, RuntimeError) and "can't allocate memory" in str(error)
    )
