"""`MicroBatcher` around a real `@serve.batch`, in a real replica."""

import asyncio
import os
import random
import time

import pytest
from ray import serve
from ray.exceptions import RayError

from serve_app.deployments.micro_batching import MicroBatcher
from serve_app.errors import InvalidImage


@serve.deployment(max_ongoing_requests=100, ray_actor_options={"num_cpus": 0.1})
class Sleeper:
    """A stage whose batch costs the same whatever its size, like a model on a GPU."""

    def __init__(self, cost_s: float) -> None:
        self.cost_s = cost_s
        self.batches: list[int] = []
        self.batched = MicroBatcher("sleep", self.run)

    def reconfigure(self, user_config: dict) -> None:
        self.batched.configure(user_config)

    async def __call__(self, item: str) -> str:
        value, report = await self.batched(item)
        return f"{value} in {report.batch_size}"

    def check_health(self) -> None:
        self.batched.check()

    async def seen(self) -> list[int]:
        return self.batches

    async def process(self) -> int:
        return os.getpid()

    def run(self, items):
        self.batches.append(len(items))
        time.sleep(self.cost_s)
        if "bad" in items:
            raise InvalidImage("bad")
        if "lose" in items:
            raise RuntimeError("CUDA error: an illegal memory access was encountered")
        return [item.upper() for item in items]


def deploy(name: str, cost_s: float, **user_config):
    app = Sleeper.options(user_config=user_config).bind(cost_s)
    return serve.run(app, name=name, route_prefix=None)


@pytest.fixture
def sleeper(request):
    name = request.node.name
    yield lambda cost_s, **user_config: deploy(name, cost_s, **user_config)
    serve.delete(name)


async def test_staggered_calls_share_batches(sleeper):
    """Plain `@serve.batch` makes sixteen batches of this."""
    handle = sleeper(1.0, max_batch_size=8, batch_wait_timeout_s=0.02)
    calls = []
    for _ in range(16):
        calls.append(handle.remote("a"))
        await asyncio.sleep(0.1)
    await asyncio.gather(*calls)
    batches = await handle.seen.remote()
    assert sum(batches) == 16
    assert len(batches) <= 3, batches


@serve.deployment(max_ongoing_requests=100, ray_actor_options={"num_cpus": 0.1})
class PlainSleeper:
    """`@serve.batch` as Ray's documentation shows it."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    @serve.batch(max_batch_size=8, batch_wait_timeout_s=0.02)
    async def __call__(self, items: list[str]) -> list[str]:
        self.batches.append(len(items))
        await asyncio.sleep(0.5)
        return items

    async def seen(self) -> list[int]:
        return self.batches


async def test_plain_serve_batch_still_needs_the_gate(request):
    """Where this fails, Ray batches by itself, and the gate can go."""
    handle = serve.run(PlainSleeper.bind(), name=request.node.name, route_prefix=None)
    calls = []
    for _ in range(16):
        calls.append(handle.remote("a"))
        await asyncio.sleep(0.05)
    await asyncio.gather(*calls)
    assert len(await handle.seen.remote()) >= 12
    serve.delete(request.node.name)


async def test_a_bad_item_fails_alone_and_keeps_its_type(sleeper):
    handle = sleeper(0.05, max_batch_size=8, batch_wait_timeout_s=0.2)
    items = ["a", "b", "bad", "c"]
    results = await asyncio.gather(*(handle.remote(item) for item in items), return_exceptions=True)
    assert isinstance(results[2], InvalidImage)
    assert results[2].code == "invalid_image"
    assert [result.split()[0] for index, result in enumerate(results) if index != 2] == list("ABC")


async def test_cancelled_callers_never_wedge_the_queue(sleeper):
    handle = sleeper(0.1, max_batch_size=4, batch_wait_timeout_s=0.02)
    rng = random.Random(1)
    for _ in range(3):
        responses = [handle.remote(str(index)) for index in range(64)]
        doomed = set(rng.sample(range(64), 32))

        async def hang_up(response):
            await asyncio.sleep(rng.uniform(0, 1.2))
            response.cancel()

        hang_ups = [asyncio.create_task(hang_up(responses[index])) for index in doomed]

        async def outcome(response):
            try:
                return await response
            except (asyncio.CancelledError, Exception) as error:
                return error

        kept = [outcome(responses[index]) for index in range(64) if index not in doomed]
        results = await asyncio.wait_for(asyncio.gather(*kept), 30)
        assert all(isinstance(result, str) for result in results), results
        await asyncio.gather(*hang_ups)
    assert (await asyncio.wait_for(handle.remote("last"), 10)).startswith("LAST")


async def test_the_batch_size_changes_live(sleeper):
    handle = sleeper(0.3, max_batch_size=2, batch_wait_timeout_s=0.02)
    await asyncio.gather(*(handle.remote("a") for _ in range(8)))
    assert max(await handle.seen.remote()) == 2
    # What Serve calls when only the `user_config` of a deployment changed.
    await handle.reconfigure.remote({"max_batch_size": 8, "batch_wait_timeout_s": 0.05})
    await asyncio.gather(*(handle.remote("a") for _ in range(16)))
    batches = await handle.seen.remote()
    assert max(batches) == 8, batches
    assert sum(batches) == 24


async def test_a_replica_that_lost_its_device_is_replaced(request):
    app = Sleeper.options(health_check_period_s=0.2).bind(0.0)
    handle = serve.run(app, name=request.node.name, route_prefix=None)
    before = await handle.process.remote()
    with pytest.raises(RuntimeError, match="illegal memory access"):
        await handle.remote("lose")

    async def replaced():
        while True:
            try:
                if await handle.process.remote() != before:
                    return
            except RayError:  # it is being replaced
                pass
            await asyncio.sleep(0.2)

    await asyncio.wait_for(replaced(), 60)
    assert (await handle.remote("a")).startswith("A")
    serve.delete(request.node.name)
