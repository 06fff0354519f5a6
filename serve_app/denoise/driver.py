"""Steps an engine in a thread of its own, and brings what happens to the event loop.

The loop adds rows, follows them and takes them out again; the thread does nothing but `step()`.
"""

import asyncio
import threading
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any

import torch

from serve_app.denoise.batcher import Row
from serve_app.denoise.engine import Engine
from serve_app.denoise.model_runner import StepOutcome
from serve_app.denoise.trajectory import Work
from serve_app.device.failures import Health, without_frames
from serve_app.errors import StageFailed

STUCK_AFTER_S = 600.0
"""A step that takes longer means that the device hangs."""


@dataclass(frozen=True)
class StepEvent:
    """A row moved on: a step was taken, or (at step 0) it still waits.

    `expected` are latents [1, channels, height, width] for a preview, where one is due; `finished`
    are the last ones.
    """

    step: int
    expected: torch.Tensor | None = None
    finished: torch.Tensor | None = None


@dataclass(frozen=True)
class _Follower:
    loop: asyncio.AbstractEventLoop
    events: "asyncio.Queue[StepEvent | Exception]"
    every_step: bool

    def tell(self, event: StepEvent | Exception) -> None:
        try:
            self.loop.call_soon_threadsafe(self.events.put_nowait, event)
        except RuntimeError:  # the loop is closed: nobody listens any more
            return


class Driver:
    """One engine, one thread."""

    def __init__(
        self,
        engine: Engine,
        on_step: Callable[[StepOutcome], None] = lambda outcome: None,
        on_error: Callable[[Exception], None] = lambda error: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """The thread calls `on_step` after each step that did something, and `on_error` from the
        except block of an error that no single row caused."""
        self.engine = engine
        self._on_step = on_step
        self._on_error = on_error
        self._clock = clock
        self._health = Health()
        self._followers: dict[Row, _Follower] = {}
        self._lock = threading.Lock()
        self._work_to_do = threading.Event()
        self._step_began: float | None = None
        self._stopped = False
        self._over: StageFailed | None = None  # the error for rows added after the thread has ended
        self._thread = threading.Thread(target=self._run, name="denoise", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread after the step that runs."""
        self._stopped = True
        self._work_to_do.set()
        self._thread.join()

    def check(self) -> None:
        """Raise RuntimeError where this replica is of no more use: its thread is dead, a step does
        not end, the device is lost, or step after step failed for every row."""
        if self._over is not None:
            raise RuntimeError(str(self._over))
        began = self._step_began
        if began is not None and self._clock() - began > STUCK_AFTER_S:
            raise RuntimeError(f"a denoising step has been running for over {STUCK_AFTER_S:g} s")
        self._health.check()

    def add(self, work: Work, *, every_step: bool = False, **terms: Any) -> Row:
        """Queue an image, as `Engine.add`; `follow` tells what becomes of it.

        Raises StageFailed where the thread has ended.
        """
        follower = _Follower(asyncio.get_running_loop(), asyncio.Queue(), every_step)
        with self._lock:  # or the row might be finished before anyone follows it
            if self._over is not None:
                raise StageFailed(str(self._over))
            row = self.engine.add(work, **terms)
            self._followers[row] = follower
        self._work_to_do.set()
        return row

    async def follow(self, row: Row) -> AsyncGenerator[StepEvent]:
        """What happens to a row, its finish last. Raises what the row failed with.

        Whoever stops following must call `leave`.
        """
        events = self._followers[row].events
        while True:
            event = await events.get()
            if isinstance(event, Exception):
                raise event
            yield event
            if event.finished is not None:
                return

    @property
    def followed(self) -> int:
        """How many rows somebody waits for."""
        return len(self._followers)

    def leave(self, row: Row) -> int:
        """Forget a row, and take it out of the batch; returns the steps that are saved."""
        with self._lock:
            self._followers.pop(row, None)
        return self.engine.cancel(row)

    def _run(self) -> None:
        reason = "the denoising thread was stopped"
        try:
            while not self._stopped:
                self._work_to_do.clear()
                if not self._step():
                    self._work_to_do.wait()
        except BaseException as error:
            reason = f"the denoising thread died of {type(error).__name__}"
            raise
        finally:
            with self._lock:
                self._over = StageFailed(reason)
                for follower in self._followers.values():
                    follower.tell(self._over)

    def _step(self) -> bool:
        """Whether there was anything to do."""
        self._step_began = self._clock()
        try:
            outcome = self.engine.step()
            if not (outcome.stepped or outcome.failed or outcome.overflow):
                return False
            self._health.saw([*outcome.stepped, *(error for _, error in outcome.failed)])
            with self._lock:
                self._tell(outcome)
            self._on_step(outcome)
        except Exception as error:
            # Not one row's fault: nobody may be left waiting.
            self._on_error(error)
            self._health.saw([error])
            told = without_frames(error)
            with self._lock:
                for row in self.engine.abort():
                    self._tell_one(row, told)
        finally:
            self._step_began = None
        return True

    def _tell(self, outcome: StepOutcome) -> None:
        for row, error in outcome.failed:
            self._tell_one(row, error)
        for row, latents in outcome.finished:
            self._tell_one(row, StepEvent(row.steps_done, finished=latents))
        previews = dict(outcome.previews)
        for row, follower in self._followers.items():
            if row in previews or (follower.every_step and not row.gone):
                follower.tell(StepEvent(row.steps_done, previews.get(row)))

    def _tell_one(self, row: Row, event: StepEvent | Exception) -> None:
        follower = self._followers.get(row)
        if follower:
            follower.tell(event)
