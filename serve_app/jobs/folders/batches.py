"""Calls for one item that run together: whatever waits when the one before has finished.

As the service's micro-batching, without a server.
"""

import asyncio
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar

from serve_app.device.memory import DeviceMemory, too_large
from serve_app.device.running import BatchRunner

Item = TypeVar("Item")
Result = TypeVar("Result")


class Batches(Generic[Item, Result]):
    """`run(items) -> results` as an awaitable call for one item; `run` gets items of one `key`."""

    def __init__(
        self,
        run: Callable[[Sequence[Item]], Sequence[Result]],
        max_batch_size: int,
        memory: DeviceMemory,
        key: Callable[[Item], Hashable] = lambda item: None,
    ) -> None:
        """`memory` is shared with whatever else runs on the device."""
        self._key = key
        self._runner = BatchRunner(
            run, max_batch_size, memory, lambda item: too_large("the image", "image")
        )
        self._thread = ThreadPoolExecutor(1)
        self._waiting: dict[Hashable, list[tuple[Item, asyncio.Future[Any]]]] = {}
        self._runs: asyncio.Task[None] | None = None

    def check(self) -> None:
        """Raise RuntimeError where the device is of no more use, as `Health.check`."""
        self._runner.check()

    async def __call__(self, item: Item) -> tuple[Result, int]:
        """The result, and how many items ran together. Raises what `run` raised for it."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[tuple[Result, int]] = loop.create_future()
        self._waiting.setdefault(self._key(item), []).append((item, ended))
        if self._runs is None:
            self._runs = loop.create_task(self._run_all())
        return await ended

    async def _run_all(self) -> None:
        loop = asyncio.get_running_loop()
        while self._waiting:
            key = next(iter(self._waiting))  # who waits longest
            tickets = self._waiting.pop(key)
            size = self._runner.limits.of(key)
            batch, others = tickets[:size], tickets[size:]
            if others:
                self._waiting[key] = others
            items = [item for item, _ in batch]
            outcomes = await loop.run_in_executor(self._thread, self._runner.outcomes, key, items)
            for (_, ended), outcome in zip(batch, outcomes, strict=True):
                if ended.cancelled():
                    continue
                if isinstance(outcome, Exception):
                    ended.set_exception(outcome)
                else:
                    ended.set_result((outcome, len(batch)))
        self._runs = None
