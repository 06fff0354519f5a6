"""Two replicas at the door of one service: what they admit together is the service's limit."""

import asyncio

import pytest
from ray import serve

from serve_app.errors import QueueFull
from serve_app.ingress.share import IngressReplicas
from serve_app.pipeline import Pipeline
from serve_app.stages import Stages
from tests.fakes import app_args

LIMIT = 9
OPTIONS = {
    "max_ongoing_requests": 100,
    "ray_actor_options": {"num_cpus": 0.1},
    "graceful_shutdown_timeout_s": 1,
}


@serve.deployment(**OPTIONS)
class Slow:
    async def __call__(self, picture):
        await asyncio.sleep(600)


@serve.deployment(**OPTIONS)
class Door:
    def __init__(self, stage) -> None:
        limits = app_args(max_pending_images=LIMIT).limits
        self.pipeline = Pipeline(Stages(*[stage] * 5), limits, IngressReplicas().share)

    async def __call__(self) -> str:
        try:
            await self.pipeline.caption([b"an image"])
        except QueueFull:
            return "refused"
        return "answered"

    async def work(self) -> tuple[str, tuple[int, int]]:
        name = serve.get_replica_context().replica_id.unique_id
        admission = self.pipeline.work["caption"]
        return name, (admission.capacity, admission.pending)


async def work(handle):
    """(share, pending) of each replica that is found."""
    return sorted(dict([await handle.work.remote() for _ in range(16)]).values())


@pytest.fixture
def deploy(request):
    name = request.node.name
    yield lambda replicas: serve.run(
        Door.options(num_replicas=replicas).bind(Slow.bind()), name=name, route_prefix=None
    )
    serve.delete(name)


async def test_the_replicas_of_the_ingress_share_its_limit(deploy):
    handle = deploy(1)
    assert await work(handle) == [(LIMIT, 0)]
    handle = deploy(2)
    async with asyncio.timeout(120):
        while await work(handle) != [(4, 0), (5, 0)]:
            await asyncio.sleep(0.2)
        asked = []
        while await work(handle) != [(4, 4), (5, 5)]:
            asked += [handle.remote() for _ in range(2)]
        more = await asyncio.gather(*(handle.remote() for _ in range(8)))
        assert more == ["refused"] * 8
        while await work(handle) != [(4, 4), (5, 5)]:  # the router may not show both at once
            pass
    for response in asked:
        response.cancel()
