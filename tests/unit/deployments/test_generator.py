"""What a generation publishes, plain and streamed. With networks and Ray: tests/e2e."""

import time
from contextlib import aclosing
from types import SimpleNamespace

import numpy as np
import pytest

from serve_app.denoise.driver import Driver
from serve_app.denoise.engine import Engine
from serve_app.denoise.model_runner import StepOutcome
from serve_app.denoise.trajectory import Work
from serve_app.deployments.generator import Generator
from serve_app.errors import DeadlineUnmet
from serve_app.messages import ImageResult, Terms
from tests.denoising import TinyModel, work

REQUEST = work(steps=4, guidance_scale=3.0).request


@pytest.fixture
def generator():
    """One without networks, whose pictures are decoded at once."""
    made = object.__new__(Generator.func_or_class)
    made._driver = Driver(Engine(TinyModel(), 8), made._on_step)
    made._new_work = Work

    async def decoded(request, latents, canvas):
        return np.zeros((16, 16, 3), np.uint8)

    made._pictures = SimpleNamespace(finished=decoded, preview=decoded, seconds=0.0)
    made._runtime = SimpleNamespace(count_tokens=lambda text: len(text.split()))
    yield made
    made._driver.stop()


async def plain(generator):
    return await generator(REQUEST, Terms())


async def streamed(generator):
    return [item async for item in generator.stream(REQUEST, Terms(partial_images=1))][-1]


@pytest.mark.parametrize("ask", [plain, streamed])
async def test_a_generation_is_counted_with_its_wait_and_its_steps(generator, published, ask):
    assert isinstance(await ask(generator), ImageResult)
    generator._driver.stop()
    assert len(published.of("image_stage_seconds")["generate"]) == 1
    assert len(published.of("image_queue_seconds")["generate", "0"]) == 1
    assert len(published.of("image_step_seconds")[()]) == 4
    assert published.of("image_step_lanes") == {(): [2, 2, 2, 2]}
    assert published.sums("image_rows_admitted") == {(): 1}
    assert published.sums("image_previews_sent") == ({(): 1} if ask is streamed else {})
    ((direction, (error_s,)),) = published.of("image_eta_error_seconds").items()
    assert direction in ("early", "late") and 0 <= error_s < 10


async def test_a_stream_that_is_left_has_saved_its_steps(generator, published):
    async with aclosing(generator.stream(REQUEST, Terms(every_step=True))) as items:
        await anext(items)
    assert published.sums("image_rows_cancelled") == {(): 1}
    assert 1 <= published.sums("image_steps_saved")[()] <= 4
    assert published.of("image_eta_error_seconds") == {}, "it took no time that could be compared"


async def test_one_that_would_be_late_is_rejected(generator, published):
    assert isinstance(await generator(REQUEST, Terms(finish_by=time.time() - 1)), DeadlineUnmet)
    assert published.sums("image_rows_rejected") == {(): 1}
    assert published.of("image_rows_admitted") == {}


async def test_one_that_turns_out_to_be_late_after_its_first_steps_is_too(generator, published):
    error = DeadlineUnmet("late")
    generator._on_step(StepOutcome(failed=[(None, error), (None, ValueError("bad"))]))
    assert published.sums("image_rows_rejected") == {(): 1}
