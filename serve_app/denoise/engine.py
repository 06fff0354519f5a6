"""The step-level engine: every denoising step is a batch that rows join and leave at will.

Synchronous, without Ray or HTTP. `step()` belongs to one thread; the rest may be called from any,
also while a step runs. A row that is cancelled meanwhile takes no part in the next step.
"""

import math
import threading
import time
from collections import Counter
from collections.abc import Callable

import torch

from serve_app.denoise.batcher import Batcher, Row
from serve_app.denoise.forecast import Forecast, Load
from serve_app.denoise.model_runner import ModelRunner, StepOutcome, trajectory_of
from serve_app.denoise.pace import Pace
from serve_app.denoise.trajectory import DenoisingModel, Work
from serve_app.device.limits import BatchLimits
from serve_app.device.memory import DeviceMemory
from serve_app.errors import DeadlineUnmet, NeverInTime

_MARGIN = 1.05  # a deadline is not promised to the last moment
_TELLING_STEPS = 3  # of a row tell how long its size takes, which was only guessed before


class Engine:
    """Denoises rows of any mix of prompts, seeds, steps, samplers, guidance, edges and sizes."""

    def __init__(
        self,
        model: DenoisingModel,
        max_batch_size: int,
        clock: Callable[[], float] = time.monotonic,
        *,
        memory: DeviceMemory | None = None,
        forecast: Forecast | None = None,
        on_error: Callable[[Exception], None] = lambda error: None,
    ) -> None:
        """`memory` is shared with whatever else runs on the model's device; `forecast` may have
        learnt already; `on_error` is as `ModelRunner` has it."""
        self._model = model
        self._limits = BatchLimits(max_batch_size, clock)
        self._runner = ModelRunner(model, self._limits, memory or DeviceMemory(), on_error)
        self._batcher = Batcher(self._limits.of)
        self._pace = Pace(model.device)
        self._clock = clock
        self._lock = threading.Lock()
        self._forecast = forecast or Forecast(clock)

    def resize(self, max_batch_size: int) -> None:
        """Set how many rows a step takes, from the next step on; shapes that ran out of memory keep
        their lower limit."""
        with self._lock:
            self._limits.general = max_batch_size
            self._changed()

    def add(
        self,
        work: Work,
        *,
        priority: int = 0,
        finish_within_s: float | None = None,
        previews: int = 0,
    ) -> Row:
        """Queue an image, with `previews` evenly spaced previews.

        Raises DeadlineUnmet at once where it would be finished too late, NeverInTime where it would
        be so even alone. A row fails with these after its first steps, where they took longer than
        was expected of its size.
        """
        shape = self._model.latent_shape(work.request.width, work.request.height)
        due = frozenset(round(work.steps * (i + 1) / (previews + 1)) for i in range(previews))
        row = Row(work, shape, self._clock(), priority, due)
        if finish_within_s is not None:
            row.finish_by = row.arrived + finish_within_s
        with self._lock:
            self._changed()
            self._forecast.arrived()
            self._batcher.add(row)
            late = self._late(row)
            if late is not None:
                self._remove(row)
                raise late
        return row

    def cancel(self, row: Row) -> int:
        """Take a row out; returns the steps that are saved, 0 if it was gone already."""
        with self._lock:
            if row.gone:
                return 0
            self._remove(row)
            return row.work.steps - row.steps_done

    def eta_s(self, row: Row) -> float:
        """Seconds until the row's last step is done, at the step times seen so far."""
        with self._lock:
            return 0.0 if row.gone else self._eta_s(row)

    def position(self, row: Row) -> int:
        """Its position in the queue: 1 is next to start, 0 runs."""
        with self._lock:
            return self._batcher.ahead_of(row)

    def counts(self) -> tuple[int, int]:
        """How many rows run and how many wait."""
        with self._lock:
            places = self._batcher.shapes.values()
            return sum(len(p.running) for p in places), sum(len(p.waiting) for p in places)

    def waiting(self) -> dict[int, int]:
        """How many rows wait, by their priority."""
        with self._lock:
            rows = [row for place in self._batcher.shapes.values() for row in place.waiting]
        return dict(Counter(row.priority for row in rows))

    @property
    def slots(self) -> int:
        """How many rows of one shape a step takes, where they fit the memory."""
        return self._limits.general

    def wait_s(self) -> float:
        """Seconds until a row that came now would start, at the step times seen so far; of the
        shape where it would wait longest."""
        waits = [0.0]
        with self._lock:
            for shape, queue in self._batcher.shapes.items():
                rows = [*queue.running, *queue.waiting]
                ahead = len(rows) - self._limits.of(shape)
                if ahead >= 0:
                    waits.append(sorted(map(self._eta_s, rows))[ahead])
        return max(waits)

    def work_s(self) -> float:
        """Seconds until all rows that are here now are finished, at the step times seen so far."""
        with self._lock:
            return self._forecast.seconds_until_all(self._batcher.groups)

    @torch.inference_mode()
    def step(self) -> StepOutcome:
        """One denoising step for the rows whose turn it is; nothing where there are none."""
        with self._lock:
            rows = self._batcher.next_rows()
        outcome = StepOutcome()
        if not rows:
            return outcome
        began = self._clock()
        new = [row for row in rows if row.trajectory is None]
        self._runner.start(new, outcome)
        for row in new:
            row.started = self._clock()
        outcome.started = [row for row in new if row.trajectory is not None]
        ready = [row for row in rows if row.trajectory is not None]
        load = sum((row.load for row in ready), Load())
        self._runner.advance(ready, outcome)
        self._pace.keep()
        with self._lock:
            self._settle(outcome)
            outcome.seconds = self._clock() - began
            if outcome.stepped:
                outcome.lanes = int(load.lanes)
                self._forecast.learn(rows[0].shape, load, outcome.seconds, len(outcome.started))
        return outcome

    def abort(self) -> list[Row]:
        """Drop every row, after an error that no single row caused; returns them."""
        with self._lock:
            rows = list(self._batcher.rows())
            for row in rows:
                self._remove(row)
            return rows

    def _settle(self, outcome: StepOutcome) -> None:
        """Sort the rows by what became of them."""
        self._changed()
        now = self._clock()
        for row, _ in outcome.failed:
            self._batcher.remove(row)
        for row in outcome.stepped:
            if row.gone:  # its client left while the step ran
                continue
            trajectory = trajectory_of(row)
            row.stepped_with(len(outcome.stepped), now)
            late = self._late(row) if row.steps_done == _TELLING_STEPS else None
            if late is not None:
                self._batcher.remove(row)
                outcome.failed.append((row, late))
            elif trajectory.finished:
                self._batcher.remove(row)
                outcome.finished.append((row, trajectory.latents))
            elif row.steps_done in row.preview_steps and trajectory.expected is not None:
                outcome.previews.append((row, trajectory.expected))

    def _late(self, row: Row) -> DeadlineUnmet | None:
        """The refusal of a row that would be finished too late."""
        if row.finish_by is None:
            return None
        left_s = row.finish_by - self._clock()
        eta_s = self._eta_s(row)
        late_s = _MARGIN * eta_s - left_s
        if late_s <= 0:
            return None
        alone_s = self._forecast.seconds_alone(row.shape, row.remaining())
        refusal = NeverInTime if alone_s > left_s else DeadlineUnmet
        return refusal(f"it would be finished in {eta_s:.1f} s").after(math.ceil(late_s))

    def _remove(self, row: Row) -> None:
        self._changed()
        self._batcher.remove(row)

    def _changed(self) -> None:
        self._forecast.changed(self._batcher.shapes)

    def _eta_s(self, row: Row) -> float:
        return self._forecast.seconds_until(row, self._batcher.groups)
