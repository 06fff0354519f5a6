"""More at once than is worked on at once, and readers that do not read."""

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
import requests

from tests.e2e.conftest import WRITE_TIMEOUT_S, await_true
from tests.images import PROMPT, jpeg

GENERATIONS = "/v1/images/generations"


def seconds_of(service, path, count, workers):
    """When each of `count` answers was there, in order."""
    picture, sessions = jpeg(), [requests.Session() for _ in range(workers)]

    def ask(index):
        response = sessions[index % workers].post(service.url + path, data=picture, timeout=60)
        assert response.status_code == 200, response.text
        return time.monotonic() - began

    with ThreadPoolExecutor(workers) as pool:
        list(pool.map(lambda session: session.get(service.url + "/health"), sessions))  # connected
        began = time.monotonic()
        return sorted(pool.map(ask, range(count)))


@pytest.mark.parametrize("path", ["/caption", "/v1/canny", "/v1/classify"])
def test_sixty_at_once_are_worked_off_without_a_pause(service, path):
    """What waited in Ray's router came in fits, 25 to 500 ms after there was room for it."""
    seconds_of(service, path, 32, 16)  # warm
    count = 96
    rate = count / seconds_of(service, path, count, 16)[-1]
    last = min(seconds_of(service, path, 60, 60)[-1] for _ in range(3))
    print(f"{path}: {rate:.0f} a second at 16; 60 at once within {last:.2f} s")
    assert last < 1.3 * 60 / rate


def pending(service, kind):
    return service.get("/v1/status").json()["work"][kind]["pending"]


def test_a_client_that_stops_reading_is_given_up(service):
    """It asks for more than the buffers on its way hold, and reads the beginning.

    Previews of the first steps are noise, so that as PNG they are large.
    """
    address = urlsplit(service.url)
    before = len(service.log_text())
    body = json.dumps(
        {
            "prompt": PROMPT, "n": 4, "size": "512x512", "upscale": 4, "num_inference_steps": 4,
            "partial_images": 3, "stream": True,
        }
    )  # fmt: skip
    head = f"POST {GENERATIONS} HTTP/1.1\r\nHost: {address.netloc}\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect((address.hostname, address.port))
        client.sendall((head + body).encode())
        answer = client.recv(2000)
        assert b" 200 " in answer.split(b"\r\n")[0] and b"write-timeout" not in answer.lower()
        await_true(lambda: "client stalled" in service.log_text()[before:], WRITE_TIMEOUT_S + 60)
        await_true(lambda: pending(service, "generate") == 0, 10)
        client.settimeout(10)
        while client.recv(1 << 20):  # what was on its way, then the end
            pass


def test_a_slow_client_that_goes_on_reading_gets_all(service):
    body = {"prompt": PROMPT, "size": "512x512", "upscale": 4, "num_inference_steps": 1}
    got = 0
    with service.post(GENERATIONS, json=body | {"stream": True}, stream=True) as response:
        for chunk in response.iter_content(20_000):
            got += len(chunk)
            time.sleep(0.1)
            last = chunk
    assert response.status_code == 200 and last.endswith(b"\n\n") and got > 200_000
