"""`@serve.batch` that batches long work, and isolates what fails.

Plain `@serve.batch` forms its next batch by timeout while the previous one still runs, so calls
that arrive staggered run one by one: sixteen calls 100 ms apart, with a batch that costs 1 s,
make sixteen batches. The remedy is a gate in front of it: while a batch runs, callers wait
outside, and when it ends, one batch's worth of them enters at once.

Around the gate, every batched deployment gets the same three promises: the synchronous work runs
in a thread of its own, so the replica's event loop stays free; an item that fails, fails alone;
a caller that leaves gives up its place at once, and never wedges the queue.
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
from serve_app.errors import ServiceError
from serve_app.messages import StageReport
from serve_app.observability import log_event

Item = TypeVar("Item")
Result = TypeVar("Result")


class Gate:
    """Lets at most `capacity` callers in at a time, in order, and nobody while a batch runs."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self.inside = 0
        self._running = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def entered(self) -> AsyncIterator[None]:
        """Wait for a turn and hold a place. Leaving, also by cancellation, frees it."""
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
class _Ticket:
    """An item in the queue, and whether its caller is still there."""

    item: Any
    arrived: float
    left: bool = False


@dataclass(frozen=True)
class _Outcome:
    """What became of one item; `value` is a result or the exception to raise for it."""

    value: Any
    report: StageReport


class MicroBatcher(Generic[Item, Result]):
    """Turns `run(items, abandoned) -> results` into an awaitable call for one item.

    `run` is synchronous and gets items of one `key` only; it may raise, in which case each item is
    tried again alone and only the culprits fail. `abandoned()` says that no caller of these
    items is left, so that long work can stop between its steps.
    """

    def __init__(
        self,
        stage: str,
        run: Callable[[Sequence[Item], Callable[[], bool]], Sequence[Result]],
        key: Callable[[Item], Hashable] = lambda item: None,
    ) -> None:
        self._stage = stage
        self._run = run
        self._key = key
        settings = BatchSettings()
        self._gate = Gate(settings.max_batch_size)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=stage)

        # Inside, because Serve keeps one queue for a decorated function, whatever its `self`.
        @serve.batch(
            max_batch_size=settings.max_batch_size,
            batch_wait_timeout_s=settings.batch_wait_timeout_s,
        )
        async def call_batch(tickets: list[_Ticket]) -> list[_Outcome]:
            loop = asyncio.get_running_loop()
            with self._gate.running():
                return await loop.run_in_executor(self._thread, self._run_groups, tickets)

        self._call_batch: Any = call_batch

    def configure(self, user_config: dict[str, Any]) -> None:
        """Apply a `user_config` from the next batch on. Raises ValidationError where it is off."""
        settings = BatchSettings.model_validate(user_config)
        self._gate.capacity = settings.max_batch_size
        self._call_batch.set_max_batch_size(settings.max_batch_size)
        self._call_batch.set_batch_wait_timeout_s(settings.batch_wait_timeout_s)

    async def __call__(self, item: Item) -> tuple[Result, StageReport]:
        """Run `item` in company. Raises what `run` raises for it."""
        ticket = _Ticket(item, time.perf_counter())
        try:
            async with self._gate.entered():
                outcome: _Outcome = await self._call_batch(ticket)
        finally:
            ticket.left = True
        if isinstance(outcome.value, Exception):
            raise outcome.value
        return outcome.value, outcome.report

    def _run_groups(self, tickets: list[_Ticket]) -> list[_Outcome]:
        groups: dict[Hashable, list[_Ticket]] = {}
        for ticket in tickets:
            groups.setdefault(self._key(ticket.item), []).append(ticket)
        outcomes: dict[int, _Outcome] = {}
        for group in groups.values():
            started = time.perf_counter()
            values = self._run_isolated(group)
            run_s = time.perf_counter() - started
            log_event("batch", stage=self._stage, size=len(group), seconds=run_s)
            for ticket, value in zip(group, values, strict=True):
                queue_s = started - ticket.arrived
                report = StageReport(self._stage, queue_s, run_s, len(group))
                outcomes[id(ticket)] = _Outcome(value, report)
        return [outcomes[id(ticket)] for ticket in tickets]

    def _run_isolated(self, group: list[_Ticket]) -> Sequence[Any]:
        """A result or an exception for each item; a group that raises is run one by one."""

        def abandoned() -> bool:
            return all(ticket.left for ticket in group)

        try:
            return self._run([ticket.item for ticket in group], abandoned)
        except Exception as error:
            if not isinstance(error, ServiceError):
                log_event("batch failed", logging.ERROR, stage=self._stage, size=len(group))
            if len(group) == 1:
                # Its frames would keep the batch's tensors alive.
                return [error.with_traceback(None)]
        return [self._run_isolated([ticket])[0] for ticket in group]
