"""Encoded images, and where a request's time went."""

import asyncio
import threading

import numpy as np
import pytest

from serve_app.imaging import codec
from serve_app.ingress.encoding import encode, encode_images, encode_timed, size_of
from serve_app.messages import StageReport
from serve_app.pipeline import Composition, Finished
from tests import fakes
from tests.images import opened
from tests.pipelines import REQUEST

PIXELS = np.zeros((64, 128, 3), np.uint8)


def image(seed, run_s=1.0):
    reports = [StageReport("generate", 0.25, run_s, 3)]
    return Finished(np.full((64, 128, 3), seed, np.uint8), seed, None, reports)


async def test_the_images_of_a_request_are_in_order_and_their_times_are_one(caplog):
    caplog.set_level("INFO", "ray.serve")
    images = [image(7), image(8, run_s=2.0)]
    payloads, timings = await encode_images(images, REQUEST, Composition(), fakes.app_args())
    made = [opened(payload) for payload in payloads]
    assert [picture.getpixel((0, 0))[0] for picture in made] == [7, 8]
    assert "Seed: 7," in made[0].text["parameters"] and "Seed: 8," in made[1].text["parameters"]
    assert timings.seconds["queue"] == 0.25 and timings.seconds["generate"] == 2.0
    assert timings.seconds["encode"] > 0
    (line,) = caplog.messages
    assert "seeds=7,8 batch_sizes=generate:3,generate:3" in line
    assert REQUEST.prompt not in line


@pytest.mark.parametrize(("name", "kind"), [("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP")])
async def test_a_format(name, kind):
    assert opened(await encode(PIXELS, name)).format == kind


async def test_compression_is_the_quality():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    small, large = [await encode(noise, "jpeg", quality) for quality in (10, 95)]
    assert len(small) < len(large) / 2


async def test_an_image_is_encoded_off_the_event_loop(monkeypatch):
    let_go = threading.Event()

    def slow(*_):
        assert let_go.wait(10)
        return b"encoded"

    monkeypatch.setattr(codec, "encode", slow)
    encoding = asyncio.create_task(encode_timed(PIXELS, [fakes.report("canny")]))
    while not encoding.done():
        await asyncio.sleep(0)
        let_go.set()  # by the loop, which would not get here
    data, timings = await encoding
    assert data == b"encoded" and list(timings.seconds) == ["queue", "canny", "encode"]


def test_a_size_is_width_by_height():
    assert size_of(PIXELS) == "128x64"
    assert size_of(PIXELS[..., 0]) == "128x64"
