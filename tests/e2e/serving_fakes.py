"""The real HTTP API over stages that are fakes, at a port."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import requests
import uvicorn

from tests.e2e.conftest import await_true, free_port
from tests.service import Service


@contextmanager
def serving_fakes(settings: dict | None = None) -> Iterator[str]:
    """Its URL; it ends with the context."""
    port = free_port()
    api = Service(settings).api
    server = uvicorn.Server(uvicorn.Config(api, port=port, log_level="warning"))
    thread = threading.Thread(target=server.run)
    thread.start()
    url = f"http://127.0.0.1:{port}"
    try:
        await_true(lambda: requests.get(f"{url}/").status_code == 200, 20)
        yield url
    finally:
        server.should_exit = True
        thread.join(20)
