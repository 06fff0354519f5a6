"""Pictures decoded in a few threads of their own."""

import asyncio
import threading

import numpy as np
import pytest

from serve_app.config import Limits
from serve_app.deployments.decoding import decoding, model_input, pixels_of
from serve_app.errors import ImageTooLarge, InvalidImage
from serve_app.messages import ImageResult
from tests.fakes import report
from tests.images import encoded, jpeg, sketch


async def test_two_are_decoded_at_once_and_the_others_wait_off_the_event_loop():
    """However many are asked for: each may unfold to hundreds of megabytes."""
    let_go, both, lock = threading.Event(), threading.Event(), threading.Lock()
    inside, most = 0, 0

    def work():
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
            if inside == 2:
                both.set()
        let_go.wait(10)
        with lock:
            inside -= 1
        return threading.current_thread()

    tasks = [asyncio.create_task(decoding(work)) for _ in range(6)]
    assert await asyncio.to_thread(both.wait, 10)
    let_go.set()
    threads = await asyncio.gather(*tasks)
    assert most == 2 and threading.current_thread() not in threads


async def test_arguments_reach_the_work_and_its_error_the_caller():
    assert await decoding(lambda a, b: (a, b), 1, b=2) == (1, 2)
    with pytest.raises(InvalidImage):
        await decoding(pixels_of, jpeg()[:500], Limits())


def test_pixels_of_a_stage_are_taken_as_they_are():
    pixels = np.zeros((8, 8, 3), np.uint8)
    assert pixels_of(ImageResult(pixels, report("upscale")), Limits(max_image_pixels=1)) is pixels


def test_bytes_are_decoded_within_the_limits_and_shrunk_by_whole_factors():
    image = encoded(sketch(400, 300))
    assert pixels_of(image, Limits()).shape == (300, 400, 3)
    assert pixels_of(image, Limits(), least_side=100).shape == (100, 134, 3)
    with pytest.raises(ImageTooLarge):
        pixels_of(image, Limits(max_image_pixels=1000))


def test_a_models_input_is_that_of_one_picture():
    shapes = []

    def preprocess(images):
        shapes.extend(image.shape for image in images)
        return np.stack([np.full((3, 2, 2), index, np.float32) for index in range(len(images))])

    made = model_input(encoded(sketch(400, 300)), Limits(), 150, preprocess)
    assert shapes == [(150, 200, 3)]
    assert made.shape == (3, 2, 2) and made.dtype == np.float32
