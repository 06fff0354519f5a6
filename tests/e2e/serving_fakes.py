"""The real HTTP API over stages that are fakes, at a port."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import requests
import uvicorn

from tests import fakes
from tests.e2e.conftest import await_true, free_port
from tests.service import Service


class Turns:
    """A generator that finishes what it is told to, by the prompt."""

    def __init__(self):
        self.asked = []
        self._turns = []

    async def generated(self, request, terms, edges=None):
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        self.asked.append(request)
        self._turns.append((request.prompt, turn, loop))
        await turn
        return fakes.generated(request, terms)

    @property
    def waiting(self) -> list[str]:
        """The prompts of those that nobody finished or cancelled."""
        return [prompt for prompt, turn, _ in self._turns if not turn.done()]

    def finish(self, prompt: str) -> None:
        for each, turn, loop in self._turns:
            if each == prompt and not turn.done():
                loop.call_soon_threadsafe(turn.set_result, None)


@contextmanager
def serving_fakes(settings: dict | None = None, generated: Callable | None = None) -> Iterator[str]:
    """Its URL; it ends with the context. `generated` takes the place of the generator's answer."""
    port = free_port()
    service = Service(settings)
    if generated is not None:
        service.handles["generator"].answer = generated
    server = uvicorn.Server(uvicorn.Config(service.api, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    url = f"http://127.0.0.1:{port}"
    try:
        await_true(lambda: requests.get(f"{url}/").status_code == 200, 20)
        yield url
    finally:
        server.should_exit = True
        thread.join(20)
