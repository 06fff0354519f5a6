"""Steps an engine in a thread of its own, and brings what happens to the event loop.

The loop adds rows, follows them and takes them out again; the thread does nothing but `step()`.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from typing import Any

import torch

from serve_app.denoise.batcher import Row
from serve_app.denoise.engine import Engine, StepOutcome
from serve_app.denoise.trajectory import Work


@dataclass(frozen=True)
class Event:
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
    events: "asyncio.Queue[Event | Exception]"
    every_step: bool

    def tell(self, event: Event | Exception) -> None:
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
    ) -> None:
        """The thread calls `on_step` after each step that did something, and `on_error`."""
        self.engine = engine
        self._on_step = on_step
        self._on_error = on_error
        self._followers: dict[Row, _Follower] = {}
        self._lock = threading.Lock()
        self._work_to_do = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="denoise", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread after the step that runs."""
        self._stopped = True
        self._work_to_do.set()
        self._thread.join()

    def add(self, work: Work, *, every_step: bool = False, **terms: Any) -> Row:
        """Queue an image, as `Engine.add`; `follow` tells what becomes of it."""
        follower = _Follower(asyncio.get_running_loop(), asyncio.Queue(), every_step)
        with self._lock:  # or the row might be finished before anyone follows it
            row = self.engine.add(work, **terms)
            self._followers[row] = follower
        self._work_to_do.set()
        return row

    async def follow(self, row: Row) -> AsyncGenerator[Event]:
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

    def leave(self, row: Row) -> int:
        """Forget a row, and take it out of the batch; returns the steps that are saved."""
        with self._lock:
            self._followers.pop(row, None)
        return self.engine.cancel(row)

    def _run(self) -> None:
        while not self._stopped:
            self._work_to_do.clear()
            if not self._step():
                self._work_to_do.wait()

    def _step(self) -> bool:
        """Whether there was anything to do."""
        try:
            outcome = self.engine.step()
            if not (outcome.stepped or outcome.failed or outcome.halved_to):
                return False
            with self._lock:
                self._tell(outcome)
            self._on_step(outcome)
        except Exception as error:
            # Not one row's fault: nobody may be left waiting.
            with self._lock:
                for row in self.engine.abort():
                    self._tell_one(row, error)
            self._on_error(error)
        return True

    def _tell(self, outcome: StepOutcome) -> None:
        for row, error in outcome.failed:
            self._tell_one(row, error)
        for row in outcome.finished:
            assert row.trajectory is not None
            self._tell_one(row, Event(row.steps_done, finished=row.trajectory.latents))
        previews = dict(outcome.previews)
        for row, follower in self._followers.items():
            if row in previews or (follower.every_step and not row.gone):
                follower.tell(Event(row.steps_done, previews.get(row)))

    def _tell_one(self, row: Row, event: Event | Exception) -> None:
        follower = self._followers.get(row)
        if follower:
            follower.tell(event)
