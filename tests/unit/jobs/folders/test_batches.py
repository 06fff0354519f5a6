"""Calls for one item that run together."""

import asyncio
import threading

import pytest

from serve_app.device.memory import DeviceMemory
from serve_app.errors import InvalidRequest
from serve_app.jobs.folders.batches import Batches


class Doubling:
    """Doubles numbers, and notes its batches. The first batch waits to be let go."""

    def __init__(self, fails=lambda items: None):
        self.batches, self.fails, self.go = [], fails, threading.Event()

    def __call__(self, items):
        self.go.wait(5)
        self.batches.append(list(items))
        error = self.fails(items)
        if error is not None:
            raise error
        return [2 * item for item in items]


async def called(batches, doubling, items):
    """What each call gave, all made while the first one's batch runs."""
    calls = [asyncio.ensure_future(batches(items[0]))]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    calls += [asyncio.ensure_future(batches(item)) for item in items[1:]]
    await asyncio.sleep(0)
    doubling.go.set()
    return await asyncio.gather(*calls, return_exceptions=True)


async def test_what_waits_runs_together():
    doubling = Doubling()
    results = await called(Batches(doubling, 4, DeviceMemory()), doubling, list(range(7)))
    assert doubling.batches == [[0], [1, 2, 3, 4], [5, 6]]
    assert results == [(0, 1), (2, 4), (4, 4), (6, 4), (8, 4), (10, 2), (12, 2)]


async def test_items_of_one_key_run_together():
    doubling = Doubling()
    batches = Batches(doubling, 4, DeviceMemory(), key=lambda item: item % 2)
    await called(batches, doubling, list(range(7)))
    assert doubling.batches == [[0], [1, 3, 5], [2, 4, 6]]


async def test_an_item_that_fails_fails_alone():
    doubling = Doubling(lambda items: ValueError("three") if 3 in items else None)
    results = await called(Batches(doubling, 8, DeviceMemory()), doubling, list(range(5)))
    assert [type(result) for result in results] == [tuple, tuple, tuple, ValueError, tuple]


async def test_items_that_do_not_fit_together_run_in_smaller_batches():
    doubling = Doubling(lambda items: MemoryError() if len(items) > 2 else None)
    results = await called(Batches(doubling, 4, DeviceMemory()), doubling, list(range(9)))
    assert [result[0] for result in results] == [2 * item for item in range(9)]
    assert doubling.batches[1:] == [[1, 2, 3, 4], [1, 2], [3, 4], [5, 6], [7, 8]]


async def test_an_item_that_does_not_fit_alone_is_refused():
    doubling = Doubling(lambda items: MemoryError())
    (result,) = await called(Batches(doubling, 4, DeviceMemory()), doubling, [1])
    assert isinstance(result, InvalidRequest)


async def test_a_lost_device_is_told():
    doubling = Doubling(lambda items: RuntimeError("CUDA error: unspecified launch failure"))
    batches = Batches(doubling, 4, DeviceMemory())
    batches.check()
    await called(batches, doubling, [1, 2])
    with pytest.raises(RuntimeError, match="lost"):
        batches.check()
