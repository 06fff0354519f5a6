"""Two replicas at the door of one service: what they admit together is the service's limit."""

import asyncio

import pytest
from ray import serve

from serve_app.errors import QueueFull
from serve_app.ingress.share import IngressReplicas
from serve_app.messages import CaptionResult, StageReport
from serve_app.pipeline import Pipeline
from serve_app.stages import Stages
from tests.fakes import app_args

LIMIT = 9


@serve.deployment(max_ongoing_requests=100, ray_actor_options={"num_cpus": 0.1})
class Slow:
    async def __call__(self, picture):
        await asyncio.sleep(1)
        return CaptionResult("a red circle", StageReport("caption", 0.0, 1.0, 1))


@serve.deployment(max_ongoing_requests=100, ray_actor_options={"num_cpus": 0.1})
class Door:
    def __init__(self, stage) -> None:
        limits = app_args(max_pending_images=LIMIT).limits
        self.pipeline = Pipeline(Stages(*[stage] * 5), limits, IngressReplicas().share)

    async def __call__(self) -> bool:
        try:
            await self.pipeline.caption([b"an image"])
        except QueueFull:
            return False
        return True

    async def where(self) -> tuple[str, int]:
        name = serve.get_replica_context().replica_id.unique_id
        return name, self.pipeline.work["caption"].capacity


async def shares(handle):
    seen = await asyncio.gather(*(handle.where.remote() for _ in range(32)))
    return sorted(dict(seen).values())


@pytest.fixture
def deploy(request):
    name = request.node.name
    yield lambda replicas: serve.run(
        Door.options(num_replicas=replicas).bind(Slow.bind()), name=name, route_prefix=None
    )
    serve.delete(name)


async def test_the_replicas_of_the_ingress_share_its_limit(deploy):
    handle = deploy(1)
    assert await shares(handle) == [LIMIT]
    handle = deploy(2)
    async with asyncio.timeout(20):
        while await shares(handle) != [4, 5]:
            await asyncio.sleep(0.2)
    admitted = await asyncio.gather(*(handle.remote() for _ in range(4 * LIMIT)))
    assert sum(admitted) <= LIMIT
    assert sum(admitted) >= LIMIT - 1, "the router may send one replica less than its share"
