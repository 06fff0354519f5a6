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
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Hashable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from ray import serve

from serve_app.config import BatchSettings
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


class MicroBatcher(Generic[Item, Result]):
    """Turns `run(items, abandoned) -> results` into an awaitable call for one item.

    `run` is synchronous and gets items of one `key` only; it may raise, in which case each item is
    tried again alone and only the culprits fail. `abandoned()` says that no caller of the running
    batch is left, so that long work can stop between its steps.
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
        async def call_batch(items: list[Item]) -> list[_Outcome]:
            loop = asyncio.get_running_loop()
            with self._gate.running():
                return await loop.run_in_executor(self._thread, self._run_groups, items)

        self._call_batch: Any = call_batch

    def configure(self, user_config: dict[str, Any]) -> None:
        """Apply a `user_config` from the next batch on. Raises ValidationError where it is off."""
        settings = BatchSettings.model_validate(user_config)
        self._gate.capacity = settings.max_batch_size
        self._call_batch.set_max_batch_size(settings.max_batch_size)
        self._call_batch.set_batch_wait_timeout_s(settings.batch_wait_timeout_s)

    async def __call__(self, item: Item) -> tuple[Result, StageReport]:
        """Run `item` in company. Raises what `run` raises for it."""
        arrived = time.perf_counter()
        async with self._gate.entered():
            outcome: _Outcome = await self._call_batch(item)
        if isinstance(outcome.value, Exception):
            raise outcome.value
        queue_s = outcome.started - arrived
        return outcome.value, StageReport(self._stage, queue_s, outcome.run_s, outcome.batch_size)

    def _run_groups(self, items: list[Item]) -> list["_Outcome"]:
        groups: dict[Hashable, list[int]] = {}
        for index, item in enumerate(items):
            groups.setdefault(self._key(item), []).append(index)
        outcomes: dict[int, _Outcome] = {}
        for indices in groups.values():
            started = time.perf_counter()
            values = self._run_isolated([items[index] for index in indices])
            run_s = time.perf_counter() - started
            log_event("batch", stage=self._stage, size=len(indices), seconds=run_s)
            for index, value in zip(indices, values, strict=True):
                outcomes[index] = _Outcome(value, len(indices), started, run_s)
        return [outcomes[index] for index in range(len(items))]

    def _run_isolated(self, items: list[Item]) -> Sequence[Any]:
        """A result or an exception for each item; a group that raises is run one by one."""
        try:
            return self._run(items, self._abandoned)
        except Exception as error:
            if len(items) == 1:
                return [error]
        return [self._run_isolated([item])[0] for item in items]

    def _abandoned(self) -> bool:
        return self._gate.inside == 0


@dataclass(frozen=True)
class _Outcome:
    """What became of one item; `value` is a result or the exception to raise for it."""

    value: Any
    batch_size: int
    started: float
    run_s: float
