"""Runs the model for the rows of a step together, and where that fails, finds out who is to blame.

Rows that run out of memory together take the step again in smaller batches (`device/limits.py`);
a row that does so alone is refused. After any other error each row is tried alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import torch

from serve_app.denoise import lanes
from serve_app.denoise.batcher import Row
from serve_app.denoise.sampler import Samplers
from serve_app.denoise.trajectory import DenoisingModel, Trajectory, start_all
from serve_app.device.failures import device_lost, is_ours, out_of_memory, without_frames
from serve_app.device.limits import BatchLimits
from serve_app.device.memory import DeviceMemory, refusal, too_large
from serve_app.errors import InvalidRequest

T = TypeVar("T")


@dataclass(frozen=True)
class Overflow:
    """A batch ran out of memory."""

    rows: int
    size: str  # of their images, in pixels
    limit: int  # rows that a step of this shape takes from now on


@dataclass
class StepOutcome:
    """What a step did. Latents are [1, channels, height, width].

    `started` took their first step; `lanes` is what the networks' batch was made of.
    """

    started: list[Row] = field(default_factory=list)
    stepped: list[Row] = field(default_factory=list)
    finished: list[tuple[Row, torch.Tensor]] = field(default_factory=list)
    previews: list[tuple[Row, torch.Tensor]] = field(default_factory=list)
    failed: list[tuple[Row, Exception]] = field(default_factory=list)
    seconds: float = 0.0
    lanes: int = 0
    overflow: Overflow | None = None


class ModelRunner:
    """One model on one device."""

    def __init__(
        self,
        model: DenoisingModel,
        limits: BatchLimits,
        memory: DeviceMemory,
        on_error: Callable[[Exception], None],
    ) -> None:
        """`on_error` is called from the except block of any unexpected error, so that its traceback
        can be logged; rows get the error without it."""
        self._model = model
        self._samplers = Samplers(model.noise_schedule)
        self._limits = limits
        self._memory = memory
        self._on_error = on_error

    def start(self, rows: Sequence[Row], outcome: StepOutcome) -> None:
        """Give rows their trajectories, together; one that cannot start fails alone."""
        if not rows:
            return
        works = [row.work for row in rows]
        made = self._attempt(rows, lambda: start_all(works, self._model, self._samplers), outcome)
        if isinstance(made, Exception):
            size = len(rows) // 2 if out_of_memory(made) else 1
            for part in _parts(rows, size, made):
                self.start(part, outcome)
            return
        for row, trajectory in zip(rows, made, strict=True):
            row.trajectory = trajectory

    def advance(self, rows: Sequence[Row], outcome: StepOutcome) -> None:
        """Predict for rows of one shape together, and advance each."""
        if not rows:
            return
        trajectories = [trajectory_of(row) for row in rows]
        predictions = self._attempt(rows, lambda: lanes.predict(self._model, trajectories), outcome)
        if isinstance(predictions, Exception):
            if len(rows) > 1 and out_of_memory(predictions):
                # The rows are as they were, and take this step in smaller batches.
                limit = self._limits.overflowed(rows[0].shape, len(rows))
                outcome.overflow = Overflow(len(rows), _size(rows[0]), limit)
            else:
                for part in _parts(rows, 1, predictions):
                    self.advance(part, outcome)
            return
        self._limits.fitted(rows[0].shape, len(rows))
        for row, prediction in zip(rows, predictions, strict=True):
            try:
                trajectory_of(row).advance(prediction)
            except Exception as error:
                self._fail([row], error, outcome)
            else:
                outcome.stepped.append(row)

    def _attempt(
        self, rows: Sequence[Row], run: Callable[[], T], outcome: StepOutcome
    ) -> T | Exception:
        """`run()`'s result, or its error. Marks a lone row as failed, or all rows if the device is
        lost."""
        try:
            return self._memory.attempt(run, last=len(rows) == 1)
        except Exception as error:
            if len(rows) == 1 or device_lost(error):
                never_fits = too_large(f"an image of {_size(rows[0])} pixels", "size")
                self._fail(rows, error, outcome, never_fits)
            return without_frames(error)

    def _fail(
        self,
        rows: Sequence[Row],
        error: Exception,
        outcome: StepOutcome,
        never_fits: InvalidRequest | None = None,
    ) -> None:
        """To be called while the error is handled."""
        if out_of_memory(error):
            error = refusal(never_fits)
        elif is_ours(error):
            self._on_error(error)
        error = without_frames(error)
        outcome.failed += [(row, error) for row in rows]


def trajectory_of(row: Row) -> Trajectory:
    """Of a row that was started."""
    assert row.trajectory is not None
    return row.trajectory


def _size(row: Row) -> str:
    return f"{row.work.request.width}x{row.work.request.height}"


def _parts(rows: Sequence[Row], size: int, error: Exception) -> list[Sequence[Row]]:
    """Chunks of `size` rows to retry after an error; empty if a retry cannot help."""
    if len(rows) == 1 or device_lost(error):
        return []
    return [rows[at : at + size] for at in range(0, len(rows), size)]
