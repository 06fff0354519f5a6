"""A checkpoint made for inpainting, of random weights: what diffusers' inpaint pipelines draw."""

import dataclasses

import pytest
import torch
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    StableDiffusionControlNetPipeline,
    UNet2DConditionModel,
)

from benchmarks.reference import ReferencePipelines
from serve_app.denoise.engine import Engine
from serve_app.denoise.inpainting import everything
from serve_app.denoise.offline import denoise
from serve_app.denoise.trajectory import Work
from serve_app.denoise.warm_up import warm_up
from serve_app.model_config import GeneratorModel
from serve_app.runtimes.generator import GeneratorRuntime
from tests.fakes import app_args
from tests.integration.test_engine import EDGES, MASK, PICTURE, REQUEST, WEIGHTS, difference

MODES = {
    "mask": {"image": PICTURE, "mask": MASK},
    "edges and mask": {"edges": EDGES, "image": PICTURE, "mask": MASK},
}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The demo's networks with four latent channels, and a UNet of nine."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    demo = StableDiffusionControlNetPipeline.from_pretrained(
        WEIGHTS / "generator",
        controlnet=ControlNetModel.from_pretrained(WEIGHTS / "controlnet"),
        safety_checker=None,
    )
    folder = tmp_path_factory.mktemp("inpainting")
    networks = {
        "vae": (AutoencoderKL, {"latent_channels": 4}),
        "unet": (UNet2DConditionModel, {"in_channels": 9, "out_channels": 4}),
        "controlnet": (ControlNetModel, {"in_channels": 4}),
    }
    parts = dict(demo.components)
    for name, (kind, changed) in networks.items():
        parts[name] = kind.from_config({**parts[name].config, **changed}).eval()
    controlnet = parts["controlnet"]
    for parameter in controlnet.parameters():
        torch.nn.init.normal_(parameter, std=0.05)  # its last layers would be zeros
    StableDiffusionControlNetPipeline(**parts, requires_safety_checker=False).save_pretrained(
        folder
    )
    controlnet.save_pretrained(folder / "controlnet")
    return GeneratorModel(name="tiny", path=str(folder), controlnet=str(folder / "controlnet"))


@pytest.fixture(scope="module")
def runtime(model):
    return GeneratorRuntime(model)


@pytest.fixture(scope="module")
def reference(model):
    return ReferencePipelines(model)


def work(mode="mask", **fields):
    return Work(dataclasses.replace(REQUEST, num_inference_steps=4, **fields), **MODES[mode])


def images_of(runtime, works):
    return [runtime.decode([each])[0] for each in denoise(Engine(runtime, 8), works)]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("sampler", ["ddim", "euler_a", "dpmpp_2m"])
@pytest.mark.parametrize("strength", [1.0, 0.7])
def test_it_draws_what_the_pipelines_draw(runtime, reference, mode, sampler, strength):
    one = work(mode, sampler=sampler, strength=strength)
    assert runtime.inpaints and runtime.latent_shape(128, 64) == (4, 8, 16)
    assert difference(images_of(runtime, [one])[0], reference.generate([one])[0]) <= 1


def test_without_a_mask_it_draws_what_a_mask_of_all_gives(runtime):
    request = dataclasses.replace(REQUEST, num_inference_steps=4, strength=1.0)
    whole = Work(request, image=PICTURE, mask=everything(128, 128))
    plain, masked = images_of(runtime, [Work(request), whole])
    assert difference(plain, masked) <= 1


def test_the_mask_and_the_picture_around_it_matter(runtime):
    made, others = images_of(runtime, [work()])[0], []
    others.append(dataclasses.replace(work(), mask=MASK.T.copy()))
    others.append(dataclasses.replace(work(), image=255 - PICTURE))
    for other in images_of(runtime, others):
        assert difference(other, made) > 5


def test_the_rest_of_the_batch_changes_nothing(runtime):
    one = work("edges and mask", seed=5)
    batch = [work(seed=1, sampler="lcm"), Work(REQUEST), Work(REQUEST, edges=EDGES), one]
    (alone,) = images_of(runtime, [one])
    assert difference(images_of(runtime, batch)[-1], alone) <= 1


def test_a_replica_of_it_can_warm_up(runtime):
    defaults = app_args().defaults
    assert warm_up(runtime, runtime.decode, defaults, budget_s=1.0).forecast.taught


def test_a_converted_one_draws_the_same(model, runtime):
    backend = {"backend": "onnxruntime", "unproven_backend": True}
    converted = GeneratorRuntime(model.model_copy(update=backend))
    for one in (work("edges and mask"), work("mask"), Work(REQUEST)):
        assert difference(images_of(converted, [one])[0], images_of(runtime, [one])[0]) <= 1


def test_a_unet_of_other_channels_is_refused(model, tmp_path):
    config = UNet2DConditionModel.load_config(model.path, subfolder="unet")
    odd = UNet2DConditionModel.from_config(config, in_channels=5)
    pipeline = StableDiffusionControlNetPipeline.from_pretrained(
        model.path,
        controlnet=ControlNetModel.from_pretrained(model.controlnet),
        unet=odd,
        safety_checker=None,
    )
    pipeline.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="5 input channels"):
        GeneratorRuntime(model.model_copy(update={"path": str(tmp_path)}))
