"""The real models of the demo set, without Ray: shapes, types, and the seed contract."""

import dataclasses

import numpy as np
import pytest

from serve_app.config import PROJECT_ROOT, CaptionerModel, GeneratorModel, Limits, UpscalerModel
from serve_app.errors import InvalidImage
from serve_app.imaging.canny import find_edges
from serve_app.messages import GenerationRequest
from tests.images import PROMPT, jpeg, sketch

WEIGHTS = PROJECT_ROOT / "serve_app" / "demo" / "weights"
REQUEST = GenerationRequest(
    prompt=PROMPT, negative_prompt="", seed=1, width=128, height=128, num_inference_steps=6,
    guidance_scale=3.0, guidance_rescale=0.0, controlnet_conditioning_scale=1.0, strength=0.8,
)  # fmt: skip


def never() -> bool:
    return False


@pytest.fixture(scope="module")
def generator():
    from serve_app.runtimes.generator import GeneratorRuntime

    model = GeneratorModel(
        name="demo", path=str(WEIGHTS / "generator"), controlnet=str(WEIGHTS / "controlnet")
    )
    return GeneratorRuntime(model, Limits())


def edges():
    return find_edges(np.asarray(sketch(128, 128)), 100, 200)


def work(seed, steered, started):
    request = dataclasses.replace(REQUEST, seed=seed, image=jpeg() if started else None)
    return request, edges() if steered else None


@pytest.mark.parametrize("steered", [False, True])
@pytest.mark.parametrize("started", [False, True])
def test_a_seed_gives_the_same_image_alone_and_in_a_batch(generator, steered, started):
    (alone,) = generator.generate([work(5, steered, started)], never)
    batch = generator.generate([work(seed, steered, started) for seed in (3, 4, 5, 6)], never)
    assert alone.shape == (128, 128, 3) and alone.dtype == np.uint8
    assert np.abs(batch[2].astype(int) - alone.astype(int)).max() <= 2
    assert np.abs(batch[1].astype(int) - alone.astype(int)).max() > 2


def test_the_prompt_the_edges_and_the_scale_matter(generator):
    (image,) = generator.generate([work(5, True, False)], never)
    other = dataclasses.replace(REQUEST, seed=5, prompt="a green star on a black background")
    off = dataclasses.replace(REQUEST, seed=5, controlnet_conditioning_scale=0.0)
    for changed in ((other, edges()), (REQUEST, np.zeros((128, 128), np.uint8)), (off, edges())):
        (different,) = generator.generate([changed], never)
        assert np.abs(different.astype(int) - image.astype(int)).max() > 2


def test_an_abandoned_batch_stops_between_steps(generator):
    asked = []

    def abandoned():
        asked.append(1)
        return len(asked) >= 2

    long = dataclasses.replace(REQUEST, num_inference_steps=50)
    generator.generate([(long, None)], abandoned)
    assert len(asked) == 2


def test_a_starting_image_that_cannot_be_decoded_is_refused(generator):
    broken = dataclasses.replace(REQUEST, image=jpeg()[:2000])
    with pytest.raises(InvalidImage):
        generator.generate([(broken, None)], never)


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize("size", [(37, 21), (64, 64), (8, 8), (5, 130), (64, 3), (64, 1), (64, 4)])
def test_upscales_images_of_any_size(scale, size):
    from serve_app.runtimes.upscaler import UpscalerRuntime

    paths = {f"x{scale}": str(WEIGHTS / f"upscaler-x{scale}")}
    runtime = UpscalerRuntime(UpscalerModel(**paths))
    assert runtime.scales == [scale]
    width, height = size
    images = [np.asarray(sketch(width, height)), np.zeros((height, width, 3), np.uint8)]
    for enlarged in runtime.upscale(images, scale):
        assert enlarged.shape == (height * scale, width * scale, 3)
        assert enlarged.dtype == np.uint8


def test_captions_images_of_mixed_sizes():
    from serve_app.runtimes.captioner import CaptionerRuntime

    runtime = CaptionerRuntime(CaptionerModel(path=str(WEIGHTS / "captioner")))
    images = [np.asarray(sketch(128, 128)), np.asarray(sketch(300, 200))]
    texts = runtime.caption(images)
    assert len(texts) == 2 and all(isinstance(text, str) for text in texts)
    assert runtime.caption(images[:1]) == texts[:1]


def test_pickled_weights_are_refused(tmp_path):
    import shutil

    import torch

    from serve_app.runtimes.upscaler import UpscalerRuntime

    folder = tmp_path / "upscaler"
    shutil.copytree(WEIGHTS / "upscaler-x2", folder)
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(OSError):
        UpscalerRuntime(UpscalerModel(x2=str(folder)))
