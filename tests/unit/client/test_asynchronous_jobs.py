"""Requests that are answered later, without blocking."""

import httpx

from serve_app.client import AsyncClient
from tests.unit.client.service import PNG, Service, event, streaming
from tests.unit.client.service import job_of as job


def client_of(service):
    return AsyncClient("http://x", transport=service.transport, sleep=service.sleep_async)


async def test_from_its_begin_to_its_end():
    completed = event("completed", seed=7, step=4)
    service = Service(
        job("queued", code=202),
        job("running"),
        streaming("id: 3\n" + event("progress"), error=httpx.ReadError("reset")),
        streaming(completed),
        job("succeeded"),
        httpx.Response(200, json={"data": []}),
    )
    seen = []
    async with client_of(service) as client:
        begun = await client.jobs.start("x", PNG)
        assert (await client.jobs.state(begun.id)).status == "running"
        made = await client.jobs.wait(begun.id, on_progress=seen.append)
        assert (await client.jobs.cancel(begun.id)).done
        assert await client.jobs.listed() == ()
    assert made.image.data == PNG and len(seen) == 1
    assert service.requests[3].headers["last-event-id"] == "3"
