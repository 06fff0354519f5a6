"""A closed door refuses those outside, and lets those inside finish."""

import asyncio

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from serve_app.ingress.middleware.draining import Door, Draining
from tests.service import Service


@pytest.fixture
def door():
    return Door()


@pytest.fixture
async def client(door):
    """Over an API that answers once `client.go` is set, and streams the same way."""
    go = asyncio.Event()

    async def plain(request):
        await go.wait()
        return PlainTextResponse("done")

    async def stream(request):
        async def lines():
            yield "first "
            await go.wait()
            yield "last"

        return StreamingResponse(lines())

    async def at_once(request):
        return PlainTextResponse("ok")

    paths = ("/health", "/v2/health/live", "/v2/health/ready", "/v1/status")
    routes = [Route("/plain", plain), Route("/stream", stream)]
    routes += [Route(path, at_once) for path in paths]
    app = Starlette(routes=routes, middleware=[Middleware(Draining, door=door)])
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://x") as http:
        http.go = go
        yield http


async def inside(door, number):
    while door.inside != number:
        await asyncio.sleep(0)


async def test_what_runs_is_answered_whole(door, client):
    running = [asyncio.create_task(client.get(path)) for path in ("/plain", "/stream")]
    await inside(door, 2)
    draining = asyncio.create_task(door.drain(60))
    await asyncio.sleep(0.01)
    assert not draining.done()
    client.go.set()
    assert [(await task).text for task in running] == ["done", "first last"]
    assert await draining == (2, 0)


async def test_new_requests_are_refused_in_the_contracts_shape(door, client):
    assert (await client.get("/health")).status_code == 200
    await door.drain(0)
    for path in ("/plain", "/health", "/v2/health/ready"):
        refused = await client.get(path)
        assert refused.status_code == 503
        assert int(refused.headers["retry-after"]) > 0
        error = refused.json()["error"]
        if path.startswith("/v2/"):
            assert error == "the service is stopping"
        else:
            assert error["code"] == "stage_unavailable" and "stopping" in error["message"]
    for path in ("/v2/health/live", "/v1/status"):
        assert (await client.get(path)).status_code == 200


async def test_what_takes_too_long_is_not_waited_for(door, client):
    running = asyncio.create_task(client.get("/plain"))
    await inside(door, 1)
    assert await door.drain(0.01) == (0, 1)
    client.go.set()
    assert (await running).text == "done"


async def test_an_idle_door_drains_at_once(door):
    assert await door.drain(60) == (0, 0)


async def test_a_client_that_leaves_is_not_waited_for(door, client):
    running = asyncio.create_task(client.get("/plain"))
    await inside(door, 1)
    running.cancel()
    assert await door.drain(5) == (1, 0)


def test_the_api_has_the_door():
    service = Service()
    asyncio.run(service.door.drain(0))
    assert service.http.post("/caption", content=b"x").status_code == 503
    assert service.http.get("/v2/health/live").status_code == 200
