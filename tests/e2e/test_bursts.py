"""More at once than is worked on at once, and readers that do not read."""

import io
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import numpy as np
import pytest
import requests
from PIL import Image

from tests.e2e.conftest import WRITE_TIMEOUT_S, await_true
from tests.images import encoded, jpeg

ENLARGED = "/v1/upscale?scale=4"


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


@pytest.fixture(scope="module")
def noise() -> bytes:
    """A picture whose enlargement is a PNG of megabytes: more than the buffers on its way hold."""
    pixels = np.random.default_rng(1).integers(0, 256, (512, 512, 3), np.uint8)
    return encoded(Image.fromarray(pixels))


def test_a_client_that_stops_reading_is_given_up(service, noise):
    address = urlsplit(service.url)
    before = len(service.log_text())
    head = f"POST {ENLARGED} HTTP/1.1\r\nHost: {address.netloc}\r\n"
    head += f"Content-Length: {len(noise)}\r\n\r\n"
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect((address.hostname, address.port))
        client.sendall(head.encode() + noise)
        answer = client.recv(2000)
        assert b" 200 " in answer.split(b"\r\n")[0] and b"write-timeout" not in answer.lower()
        await_true(lambda: "client stalled" in service.log_text()[before:], WRITE_TIMEOUT_S + 60)
        # What was on its way comes, then the end: its connection was cut.
        client.settimeout(10)
        with pytest.raises(ConnectionResetError):
            while client.recv(1 << 20):
                pass
            raise ConnectionResetError("closed")


def test_a_slow_client_that_goes_on_reading_gets_all(service, noise):
    got = bytearray()
    with service.post(ENLARGED, data=noise, stream=True) as response:
        assert response.status_code == 200
        for chunk in response.iter_content(200_000):
            got += chunk
            time.sleep(0.05)
    assert Image.open(io.BytesIO(got)).size == (2048, 2048) and len(got) > 4_000_000
