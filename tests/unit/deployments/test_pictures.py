"""Latents to pictures, roughly and for good."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from serve_app.deployments.pictures import Pictures
from serve_app.device.memory import DeviceMemory
from serve_app.imaging import codec
from serve_app.imaging.canvas import canvas_of
from tests.denoising import work
from tests.fakes import report

RED = np.full((16, 16, 3), (255, 0, 0), np.uint8)


@pytest.fixture
def pictures():
    """Of a model whose finished pictures are red, and whose previews are black."""
    runtime = SimpleNamespace(
        decode=lambda latents: [RED for _ in latents],
        preview=lambda latents: [np.zeros_like(RED) for _ in latents],
    )
    made = Pictures(runtime, DeviceMemory(), 5.0)

    async def batch_of_one(item):  # `@serve.batch` needs a replica
        return made._decode([item])[0], report("decode")

    made._batches = batch_of_one
    return made


async def test_finished_ones_and_previews(pictures):
    request, canvas = work().request, canvas_of(work().request, 1000)
    assert np.array_equal(await pictures.finished(request, None, canvas), RED)
    assert (await pictures.preview(request, None, canvas)).max() == 0


async def test_what_a_finished_one_took_is_remembered(pictures):
    request, canvas = work().request, canvas_of(work().request, 1000)
    await pictures.preview(request, None, canvas)
    assert pictures.seconds == 5.0
    await pictures.finished(request, None, canvas)
    assert 4.0 <= pictures.seconds < 4.5


async def test_a_masked_one_is_put_into_its_image(pictures):
    mask = np.zeros((32, 32), np.uint8)
    mask[:16] = 255
    image = np.full((32, 32, 3), 9, np.uint8)
    request = replace(work().request, image=codec.encode(image), mask_image=codec.encode(mask))
    made = await pictures.finished(request, None, canvas_of(request, 10_000))
    assert made.shape == (32, 32, 3)
    assert (made[:15] == (255, 0, 0)).all() and (made[16:] == 9).all()
