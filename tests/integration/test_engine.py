"""The engine on the demo's weights: the pictures of diffusers, whatever else is in the batch."""

import dataclasses
import functools

import numpy as np
import pytest
import torch

from benchmarks.reference import ReferencePipelines
from serve_app.denoise.engine import Engine
from serve_app.denoise.offline import denoise
from serve_app.denoise.sampler import SAMPLERS
from serve_app.denoise.trajectory import Work
from serve_app.errors import StageFailed
from serve_app.imaging.canny import find_edges
from serve_app.messages import GenerationRequest
from serve_app.model_config import PROJECT_ROOT, GeneratorModel
from serve_app.runtimes import generator
from serve_app.runtimes.generator import GeneratorRuntime
from tests.images import PROMPT, sketch

WEIGHTS = PROJECT_ROOT / "demo" / "weights"
MODEL = GeneratorModel(
    name="demo", path=str(WEIGHTS / "generator"), controlnet=str(WEIGHTS / "controlnet")
)
REQUEST = GenerationRequest(
    prompt=PROMPT, negative_prompt="", seed=1, width=128, height=128, num_inference_steps=8,
    sampler="ddim", guidance_scale=3.0, controlnet_conditioning_scale=1.0,
    strength=0.7,
)  # fmt: skip
PICTURE = np.asarray(sketch(128, 128))
EDGES = find_edges(PICTURE, 100, 200)
MASK = np.zeros((128, 128), np.uint8)
MASK[30:99, 10:70] = 255
MODES = {
    "text": {},
    "image": {"image": PICTURE},
    "edges": {"edges": EDGES},
    "edges and image": {"edges": EDGES, "image": PICTURE},
    "mask": {"image": PICTURE, "mask": MASK},
    "edges and mask": {"edges": EDGES, "image": PICTURE, "mask": MASK},
}


@pytest.fixture(scope="module")
def runtime():
    torch.set_num_threads(1)
    return GeneratorRuntime(MODEL)


@pytest.fixture(scope="module")
def reference():
    return ReferencePipelines(MODEL)


def work(mode="edges", **fields):
    return Work(dataclasses.replace(REQUEST, **fields), **MODES[mode])


def images_of(runtime, works, max_batch_size=8):
    latents = denoise(Engine(runtime, max_batch_size), works)
    return [runtime.decode([each])[0] for each in latents]


def difference(one, other):
    return int(np.abs(one.astype(int) - other.astype(int)).max())


# parity with diffusers


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_batch_of_one_is_the_pipelines_image(runtime, reference, sampler, mode):
    one = work(mode, sampler=sampler, negative_prompt="a blue star")
    (expected,) = reference.generate([one])
    (made,) = images_of(runtime, [one])
    assert made.shape == (128, 128, 3) and made.dtype == np.uint8
    assert difference(made, expected) <= 1


@pytest.mark.parametrize(
    "fields",
    [{"guidance_rescale": 0.7, "guidance_scale": 7.0}, {"guidance_scale": 1.0}, {"width": 192}],
)
def test_parity_of_what_else_a_pipeline_offers(runtime, reference, fields):
    one = work("text", **fields)
    assert difference(images_of(runtime, [one])[0], reference.generate([one])[0]) <= 1


@pytest.mark.parametrize("mode", ["edges", "edges and image", "edges and mask"])
@pytest.mark.parametrize(("start", "end"), [(0.0, 0.4), (0.5, 1.0), (0.2, 0.7)])
def test_edges_that_steer_some_steps_are_as_in_the_pipelines(runtime, reference, mode, start, end):
    share = {"control_guidance_start": start, "control_guidance_end": end}
    one = work(mode, num_inference_steps=10, **share)
    (made,) = images_of(runtime, [one])
    assert difference(made, reference.generate([one])[0]) <= 1
    assert difference(made, images_of(runtime, [work(mode, num_inference_steps=10)])[0]) > 5
    batch = [*mixed_batch(), one]
    assert difference(images_of(runtime, batch, 9)[-1], made) <= 1


@pytest.mark.parametrize("mode", ["mask", "edges and mask"])
def test_a_mask_at_full_strength_is_the_pipelines_image(runtime, reference, mode):
    one = work(mode, strength=1.0, sampler="euler_a")
    assert difference(images_of(runtime, [one])[0], reference.generate([one])[0]) <= 1


# the same seed, the same picture


@functools.cache
def mixed_batch():
    """Eight requests that agree in nothing but their size."""
    return [
        work("text", seed=11, num_inference_steps=5, sampler="euler_a"),
        work("edges", seed=12, num_inference_steps=12, sampler="dpmpp_2m", guidance_scale=6.0),
        work("image", seed=13, num_inference_steps=9, sampler="unipc", guidance_scale=1.0),
        work("edges and image", seed=14, num_inference_steps=7, sampler="lcm"),
        work("edges", seed=15, num_inference_steps=3, controlnet_conditioning_scale=0.4),
        work("text", seed=16, num_inference_steps=15, sampler="euler", guidance_rescale=0.5),
        work("edges and mask", seed=18, num_inference_steps=8, sampler="euler_a"),
        work("edges", seed=17, num_inference_steps=6, sampler="dpmpp_2m_karras", prompt="a star"),
    ]


@pytest.mark.parametrize("sampler", ["ddim", "euler_a", "dpmpp_2m_karras"])
@pytest.mark.parametrize("place", ["first", "middle", "last"])
def test_the_rest_of_the_batch_changes_nothing(runtime, sampler, place):
    one = work(sampler=sampler, seed=5)
    (alone,) = images_of(runtime, [one])
    index = {"first": 0, "middle": 4, "last": 8}[place]
    batch = list(mixed_batch())
    batch.insert(index, one)
    assert difference(images_of(runtime, batch, 9)[index], alone) <= 1
    assert difference(images_of(runtime, [work(sampler=sampler, seed=6)])[0], alone) > 20


def test_joining_late_and_being_watched_change_nothing(runtime):
    one = work(seed=5)
    (alone,) = images_of(runtime, [one])
    engine = Engine(runtime, 8)
    for other in mixed_batch():
        engine.add(other)
    for _ in range(4):
        engine.step()
    row = engine.add(one, previews=3)
    shown = []
    while not row.gone:
        shown += [runtime.preview([latents])[0] for _, latents in engine.step().previews]
    assert difference(runtime.decode([row.trajectory.latents])[0], alone) <= 1
    assert len(shown) == 3
    # A preview is of the picture to come, and nearer to it the later it is.
    off = [np.abs(preview.astype(int) - alone).mean() for preview in shown]
    assert off[0] > off[2] and off[2] < 40


def test_the_prompt_the_edges_and_the_scale_matter(runtime):
    (image,) = images_of(runtime, [work()])
    others = [
        work(prompt="a green star on a black background"),
        work("text"),
        work(controlnet_conditioning_scale=0.0),
        work(guidance_scale=1.0),
    ]
    for other in images_of(runtime, others):
        assert difference(other, image) > 20


def test_the_linear_preview_resembles_the_picture(runtime, monkeypatch):
    """The demo's VAE is small enough to be its own preview; a large one is not."""
    (latents,) = denoise(Engine(runtime, 1), [work()])
    (image,) = runtime.decode([latents])
    monkeypatch.setattr(generator, "TINY_DECODER", 0)
    (rough,) = GeneratorRuntime(MODEL).preview([latents])
    assert not np.array_equal(rough, image)
    assert rough.shape == image.shape and rough.dtype == np.uint8
    assert np.corrcoef(rough.ravel(), image.ravel())[0, 1] > 0.9


def test_prompts_are_remembered_within_bounds(runtime):
    first = runtime.encode_prompts(["a circle number 0"])[0]
    assert runtime.encode_prompts(["a circle number 0"])[0] is first
    others = [f"a circle number {number}" for number in range(1, generator.CACHED_PROMPTS + 1)]
    runtime.encode_prompts(others[:-1])
    runtime.encode_prompts(others[-1:])
    assert runtime.encode_prompts(["a circle number 0"])[0] is not first


def test_latents_that_are_not_numbers_make_no_picture(runtime):
    (latents,) = denoise(Engine(runtime, 1), [work()])
    for decode in (runtime.decode, runtime.preview):
        with pytest.raises(StageFailed, match="not a number"):
            decode([latents, latents * torch.nan])
        assert len(decode([latents])) == 1


# other backends


@pytest.fixture(scope="module")
def converted():
    torch.set_num_threads(1)
    backend = {"backend": "onnxruntime", "unproven_backend": True}
    return GeneratorRuntime(MODEL.model_copy(update=backend))


@pytest.mark.parametrize("mode", MODES)
def test_a_converted_generator_draws_the_same(runtime, converted, mode):
    one = work(mode, width=128, height=104)  # latents of 13 are halved unevenly
    one = Work(one.request, None if one.edges is None else one.edges[:104], one.image)
    if one.image is not None:
        mask = None if one.mask is None else one.mask[:104]
        one = Work(one.request, one.edges, one.image[:104], mask)
    assert difference(images_of(converted, [one])[0], images_of(runtime, [one])[0]) <= 1


def test_the_rest_of_the_batch_changes_nothing_in_a_converted_generator(converted):
    one = work(seed=5)
    (alone,) = images_of(converted, [one])
    assert difference(images_of(converted, [*mixed_batch(), one])[-1], alone) <= 1
