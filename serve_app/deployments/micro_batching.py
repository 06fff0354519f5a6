"""`@serve.batch` for long-running work, with failures isolated to the item that caused them.

Plain `@serve.batch` forms its next batch by timeout while the previous one still runs, so calls
that arrive staggered run one by one: sixteen calls 100 ms apart, with a batch that costs 1 s,
make sixteen batches. The remedy is a gate in front of it: while a batch runs, callers wait
outside, and when it ends, one batch's worth of them enters at once.

Around the gate, every batched deployment gets the same three promises: the synchronous work runs
in a thread of its own, so the replica's event loop stays free; an item that fails, fails alone;
a caller that is cancelled frees its slot at once, and never blocks the queue. Items that run out of
memory together are run in smaller batches (`device/running.py`).
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ray import serve

from serve_app.config import BatchSettings
from serve_app.device.failures import is_ours
from serve_app.device.memory import DeviceMemory
from serve_app.device.running import BatchRunner, Watch
from serve_app.errors import InvalidRequest
from serve_app.messages import StageReport
from serve_app.metrics.stages import QueueDepth, log_overflow, publish_batch, publish_item
from serve_app.observability import log_event
from serve_app.tracing import record_stage

Item = TypeVar("Item")
Result = TypeVar("Result")


class Gate:
    """Admits callers in order, at most `capacity` at a time, and none while a batch runs."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.inside = 0
        self._running = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def entered(self) -> AsyncIterator[None]:
        """Wait for a turn and hold a slot, which leaving the block frees, also by cancellation."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._admit()
        try:
            await turn
            yield
        finally:
            if turn.done() and not turn.cancelled():
                self.inside -= 1
            self._admit()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Close the gate for as long as a batch runs."""
        self._running = True
        try:
            yield
        finally:
            self._running = False
            self._admit()

    def _admit(self) -> None:
        while not self._running and self._waiting and self.inside < self.capacity:
            turn = self._waiting.popleft()
            if not turn.cancelled():
                turn.set_result(None)
                self.inside += 1


@dataclass(eq=False)
class Ticket:
    """An item in the queue."""

    item: Any
    arrived: float


@dataclass(frozen=True)
class Outcome:
    """What became of one item; `value` is a result or the exception to raise for it."""

    value: Any
    report: StageReport


class _Published(Watch):
    """Metrics and log of a stage's batches."""

    def __init__(self, stage: str) -> None:
        self._stage = stage

    def ran(self, size: int, seconds: float) -> None:
        publish_batch(self._stage, size, seconds)

    def failed(self, size: int, error: Exception) -> None:
        if is_ours(error):
            log_event("batch failed", logging.ERROR, stage=self._stage, size=size)

    def overflowed(self, size: int, limit: int, key: Hashable) -> None:
        log_overflow(self._stage, size, limit, key)


class MicroBatcher(Generic[Item, Result]):
    """Turns `run(items) -> results` into an awaitable call for one item.

    `run` is synchronous and gets items of one `key` only; it may raise, in which case each item is
    tried again alone and only the culprits fail. `too_large` says what to answer for an item that
    the device's memory does not fit even alone; without it, no item is to blame for that.
    """

    def __init__(
        self,
        stage: str,
        run: Callable[[Sequence[Item]], Sequence[Result]],
        key: Callable[[Item], Hashable] = lambda item: None,
        too_large: Callable[[Item], InvalidRequest | None] = lambda item: None,
        memory: DeviceMemory | None = None,
    ) -> None:
        """`memory` is shared with whatever else runs on the replica's device."""
        self._stage = stage
        self._key = key
        settings = BatchSettings()
        self._runner = BatchRunner(
            run, settings.max_batch_size, memory or DeviceMemory(), too_large, _Published(stage)
        )
        self._gate = Gate(settings.max_batch_size)
        self._waiting: set[Ticket] = set()
        self._depth = QueueDepth(stage)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=stage)

        # Decorated here, once per instance: Serve keeps one queue per decorated function, shared by
        # all instances.
        @serve.batch(
            max_batch_size=settings.max_batch_size,
            batch_wait_timeout_s=settings.batch_wait_timeout_s,
        )
        async def call_batch(tickets: list[Ticket]) -> list[Outcome]:
            loop = asyncio.get_running_loop()
            self._waiting.difference_update(tickets)
            with self._gate.running():
                return await loop.run_in_executor(self._thread, self.run_groups, tickets)

        self._call_batch: Any = call_batch

    def configure(self, user_config: dict[str, Any]) -> None:
        """Apply a `user_config` from the next batch on. Raises ValidationError if it is invalid."""
        settings = BatchSettings.model_validate(user_config)
        self._gate.capacity = settings.max_batch_size
        self._runner.limits.general = settings.max_batch_size
        self._call_batch.set_max_batch_size(settings.max_batch_size)
        self._call_batch.set_batch_wait_timeout_s(settings.batch_wait_timeout_s)

    def check(self) -> None:
        """Raise RuntimeError where this replica is of no more use, as `Health.check`."""
        self._runner.check()

    def publish_depth(self) -> None:
        """Set the gauge of how many items wait for their batch to begin."""
        self._depth.publish({0: len(self._waiting)})

    async def __call__(self, item: Item) -> tuple[Result, StageReport]:
        """Run `item` as part of a batch. Raises what `run` raised for it; InvalidRequest or
        NotEnoughMemory if it does not fit the device's memory."""
        ticket = Ticket(item, time.monotonic())
        self._waiting.add(ticket)
        try:
            async with self._gate.entered():
                outcome: Outcome = await self._call_batch(ticket)
        finally:
            self._waiting.discard(ticket)
        error = outcome.value if isinstance(outcome.value, Exception) else None
        record_stage(outcome.report, ticket.arrived, error)
        if error is not None:
            raise error
        return outcome.value, outcome.report

    def run_groups(self, tickets: list[Ticket]) -> list[Outcome]:
        """What becomes of a batch's items, in their order. Synchronous: it is called in a thread of
        its own."""
        groups: dict[Hashable, list[Ticket]] = {}
        for ticket in tickets:
            groups.setdefault(self._key(ticket.item), []).append(ticket)
        outcomes: dict[int, Outcome] = {}
        for key, group in groups.items():
            started = time.monotonic()
            values = self._runner.outcomes(key, [ticket.item for ticket in group])
            run_s = time.monotonic() - started
            log_event("batch", stage=self._stage, size=len(group), seconds=run_s)
            for ticket, value in zip(group, values, strict=True):
                queue_s = started - ticket.arrived
                report = StageReport(self._stage, queue_s, run_s, len(group))
                publish_item(report)
                outcomes[id(ticket)] = Outcome(value, report)
        return [outcomes[id(ticket)] for ticket in tickets]
