"""The asynchronous client."""

import httpx

from serve_app.client import AsyncClient, Client
from tests.unit.client.service import Service, answer, refusal

CONNECTION_LOST = httpx.ReadError("reset")


async def test_the_same_without_blocking():
    service = Service(refusal(429, 2), CONNECTION_LOST, answer())
    transport, sleep = service.transport, service.sleep_async
    async with AsyncClient("http://x", "key", transport=transport, sleep=sleep) as client:
        assert (await client.generate("x", seed=7)).image.seed == 7
    assert len(service.slept) == 2 and service.requests[2].headers["authorization"] == "Bearer key"


async def test_both_clients_offer_the_same():
    def public(kind):
        return {name for name in vars(kind) if not name.startswith("_")}

    assert public(Client) == public(AsyncClient)
