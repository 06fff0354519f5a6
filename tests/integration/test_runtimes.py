"""The real models of the demo set, without Ray: shapes and types."""

import numpy as np
import pytest

from demo.shapes import render, sample_scene
from serve_app.model_config import PROJECT_ROOT, CaptionerModel, ClassifierModel, UpscalerModel
from tests.images import sketch

WEIGHTS = PROJECT_ROOT / "demo" / "weights"


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
    inputs = runtime.preprocess([np.asarray(sketch(128, 128)), np.asarray(sketch(300, 200))])
    assert inputs.shape == (2, 3, runtime.side, runtime.side)
    texts = runtime.caption(inputs)
    assert len(texts) == 2 and all(isinstance(text, str) for text in texts)
    assert runtime.caption(inputs[:1]) == texts[:1]


@pytest.mark.parametrize("backend", ["onnxruntime", "onnxruntime-int8", "openvino-bfloat16"])
def test_a_converted_captioner_says_the_same(backend):
    from serve_app.runtimes.captioner import CaptionerRuntime

    eager = CaptionerModel(path=str(WEIGHTS / "captioner"))
    runtimes = [
        CaptionerRuntime(eager),
        CaptionerRuntime(eager.model_copy(update={"backend": backend, "unproven_backend": True})),
    ]
    rng = np.random.default_rng(0)
    scenes = [sample_scene(rng, held_out=True, count=1 + index % 3) for index in range(10)]
    inputs = runtimes[0].preprocess([render(scene) for scene in scenes])
    # Sentences of all lengths, in a batch and alone.
    expected = runtimes[0].caption(inputs)
    assert runtimes[1].caption(inputs) == expected
    assert [runtimes[1].caption(each[None])[0] for each in inputs] == expected


@pytest.mark.parametrize("size", [(37, 21), (64, 64), (8, 8), (64, 1)])
def test_a_converted_upscaler_enlarges_alike(size):
    from serve_app.runtimes.upscaler import UpscalerRuntime

    model = UpscalerModel(x2=str(WEIGHTS / "upscaler-x2"), unproven_backend=True)
    images = [np.asarray(sketch(*size)), np.zeros((size[1], size[0], 3), np.uint8)]
    eager, *converted = [
        UpscalerRuntime(model.model_copy(update={"backend": backend})).upscale(images, 2)
        for backend in ("eager", "onnxruntime", "onnxruntime-int8")
    ]
    for made, allowed in zip(converted, (1, 4), strict=True):
        assert np.abs(np.stack(made).astype(int) - np.stack(eager)).max() <= allowed


def test_a_backend_without_a_verdict_is_refused(tmp_path, monkeypatch):
    from serve_app.runtimes import verdicts
    from serve_app.runtimes.captioner import CaptionerRuntime

    monkeypatch.setattr(verdicts, "RECORD", tmp_path / "none.json")
    with pytest.raises(ValueError, match=r"was not measured .*jobs\.optimise captioner"):
        CaptionerRuntime(CaptionerModel(path=str(WEIGHTS / "captioner"), backend="onnxruntime"))


def test_classifies_images_of_mixed_sizes_alike_alone_and_together():
    from serve_app.runtimes.classifier import ClassifierRuntime

    runtime = ClassifierRuntime(ClassifierModel(path=str(WEIGHTS / "classifier")))
    images = [np.asarray(sketch(128, 128)), np.asarray(sketch(300, 200)), np.asarray(sketch(3, 60))]
    inputs = runtime.preprocess(images)
    assert inputs.shape == (3, *runtime.input_shape) and inputs.dtype == np.float32
    assert np.array_equal(runtime.preprocess(images[1:2])[0], inputs[1])
    probabilities = runtime.classify(inputs)
    assert probabilities.shape == (3, len(runtime.labels)) and probabilities.dtype == np.float32
    assert np.allclose(probabilities.sum(1), 1)
    assert np.allclose(runtime.classify(inputs[1:2])[0], probabilities[1], atol=1e-5)


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
