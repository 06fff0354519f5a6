"""Calls for one item that run together: whatever waits when the one before has finished.

As the service's micro-batching, without a server: an item that fails, fails alone, and items that
run out of memory together run in smaller batches.
"""

import asyncio
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Generic, TypeVar

from serve_app.device.failures import Health, device_lost, out_of_memory, without_frames
from serve_app.device.limits import BatchLimits
from serve_app.device.memory import DeviceMemory, refusal, too_large

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
        self._run = run
        self._key = key
        self._memory = memory
        self._limits = BatchLimits(max_batch_size)
        self._health = Health()
        self._thread = ThreadPoolExecutor(1)
        self._waiting: dict[Hashable, list[tuple[Item, asyncio.Future[Any]]]] = {}
        self._runs: asyncio.Task[None] | None = None

    def check(self) -> None:
        """Raise RuntimeError where the device is of no more use, as `Health.check`."""
        self._health.check()

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
            size = self._limits.of(key)
            batch, others = tickets[:size], tickets[size:]
            if others:
                self._waiting[key] = others
            items = [item for item, _ in batch]
            outcomes = await loop.run_in_executor(self._thread, self._outcomes, key, items)
            self._health.saw(outcomes)
            for (_, ended), outcome in zip(batch, outcomes, strict=True):
                if ended.cancelled():
                    continue
                if isinstance(outcome, Exception):
                    ended.set_exception(outcome)
                else:
                    ended.set_result((outcome, len(batch)))
        self._runs = None

    def _outcomes(self, key: Hashable, items: Sequence[Item]) -> list[Any]:
        """A result or an exception for each."""
        alone = len(items) == 1
        try:
            results = list(self._memory.attempt(lambda: self._run(items), last=alone))
        except Exception as error:
            if out_of_memory(error) and alone:
                return [refusal(too_large("the image", "image"))]
            failure = without_frames(error)
        else:
            self._limits.fitted(key, len(items))
            return results
        if alone or device_lost(failure):
            return [failure] * len(items)
        size = self._limits.overflowed(key, len(items)) if out_of_memory(failure) else 1
        parts = [items[at : at + size] for at in range(0, len(items), size)]
        return [outcome for part in parts for outcome in self._outcomes(key, part)]
