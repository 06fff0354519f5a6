"""The configuration files of a Triton model repository, and what goes into its preprocessing."""

import ast
import json
from pathlib import Path

import numpy as np
import pytest
from google.protobuf import text_format
from transformers import AutoImageProcessor
from tritonclient.grpc.model_config_pb2 import DataType, ModelConfig, ModelInstanceGroup

from serve_app.errors import ImageTooLarge, UnsupportedImage
from serve_app.imaging import codec
from serve_app.jobs.triton_store.__main__ import _COPIED
from serve_app.jobs.triton_store.configurations import Serving, all_of
from serve_app.jobs.triton_store.pictures import SETTINGS, pixel_values
from serve_app.model_config import PROJECT_ROOT
from tests.images import encoded, sketch

SERVING = Serving((3, 32, 48), 17, 8, 0.002, 1000, instances=2, kind="KIND_GPU")


@pytest.fixture
def parsed():
    return {name: text_format.Parse(text, ModelConfig()) for name, text in all_of(SERVING).items()}


def signature(tensors):
    return {each.name: (DataType.Name(each.data_type), list(each.dims)) for each in tensors}


def test_every_configuration_is_one_of_tritons(parsed):
    assert [*parsed] == ["preprocess", "classifier", "classifier_torchscript", "ensemble"]
    for name, config in parsed.items():
        assert config.name == name and config.max_batch_size == 8
    backends = [config.backend for config in parsed.values()]
    assert backends == ["python", "onnxruntime", "pytorch", ""]
    assert parsed["ensemble"].platform == "ensemble"


def test_inputs_and_outputs_are_those_of_the_service(parsed):
    image = {"image": ("TYPE_STRING", [1])}
    values = {"pixel_values": ("TYPE_FP32", [3, 32, 48])}
    probabilities = {"probabilities": ("TYPE_FP32", [17])}
    found = {name: (signature(each.input), signature(each.output)) for name, each in parsed.items()}
    assert found == {
        "preprocess": (image, values),
        "classifier": (values, probabilities),
        "classifier_torchscript": (values, probabilities),
        "ensemble": (image, probabilities),
    }


def test_batching_and_instances_are_as_asked(parsed):
    for name in ("classifier", "classifier_torchscript"):
        (group,) = parsed[name].instance_group
        assert (group.count, group.kind) == (2, ModelInstanceGroup.KIND_GPU)
        assert parsed[name].dynamic_batching.max_queue_delay_microseconds == 2000
        assert parsed[name].output[0].label_filename == "labels.txt"
    (group,) = parsed["preprocess"].instance_group
    assert (group.count, group.kind) == (2, ModelInstanceGroup.KIND_CPU)
    assert parsed["preprocess"].HasField("dynamic_batching")


def test_the_ensemble_joins_what_is_there(parsed):
    wires = {"image"}
    for step in parsed["ensemble"].ensemble_scheduling.step:
        model = parsed[step.model_name]
        assert set(step.input_map) == {each.name for each in model.input}
        assert set(step.output_map) == {each.name for each in model.output}
        assert set(step.input_map.values()) <= wires
        wires |= set(step.output_map.values())
    assert "probabilities" in wires


def imported(name: str) -> set[str]:
    tree = ast.parse((PROJECT_ROOT / "serve_app" / name).read_text())
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found |= {node.module, *(f"{node.module}.{each.name}" for each in node.names)}
        elif isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
    return found


def test_all_that_preprocess_imports_is_copied():
    modules = {Path(PROJECT_ROOT / "serve_app" / name) for name in _COPIED}
    for name in ("jobs/triton_store/preprocess.py", *_COPIED):
        for module in imported(name):
            if not module.startswith("serve_app."):
                continue
            path = PROJECT_ROOT / module.replace(".", "/")
            files = {path.with_suffix(".py"), path / "__init__.py"}
            assert not any(each.exists() for each in files) or files & modules, (name, module)


@pytest.mark.parametrize("size", [(64, 64), (37, 21), (300, 200), (201, 333), (1000, 700)])
@pytest.mark.parametrize(
    "settings",
    [
        {"size": {"height": 64, "width": 64}, "resample": 2},
        {"size": {"height": 48, "width": 64}, "resample": 3, "image_mean": [0.1, 0.2, 0.3]},
        {
            "size": {"shortest_edge": 72}, "resample": 3, "do_center_crop": True,
            "crop_size": {"height": 64, "width": 64}, "image_std": [0.2, 0.3, 0.4],
        },
        {"size": {"height": 64, "width": 64}, "do_normalize": False, "resample": 1},
    ],
)  # fmt: skip
def test_pictures_become_what_transformers_makes_of_them(settings, size, tmp_path):
    about = {"image_processor_type": "ViTImageProcessor"} | settings
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(about))
    processor = AutoImageProcessor.from_pretrained(tmp_path, backend="pil")
    data = encoded(sketch(*size))
    pixels = codec.decode(data, 10**6, least_side=64)
    expected = processor(
        images=[pixels], input_data_format="channels_last", return_tensors="np"
    ).pixel_values[0]
    whole = {name: processor.to_dict().get(name) for name in SETTINGS}
    found = pixel_values(data, whole, 64, 10**6)
    assert found.dtype == np.float32 and found.shape == expected.shape
    assert np.abs(found - expected).max() < 1e-6


def test_what_is_no_picture_is_refused_as_by_the_service():
    with pytest.raises(UnsupportedImage):
        pixel_values(b"no image", {}, 64, 10**6)
    with pytest.raises(ImageTooLarge):
        pixel_values(encoded(sketch(100, 100)), {}, 64, 9999)
