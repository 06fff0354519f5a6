"""timm's names and settings in transformers' terms; timm itself is run in tests/integration."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.nn import functional
from transformers import AutoImageProcessor, ViTForImageClassification

from serve_app.jobs.convert.checkpoint import Refused
from serve_app.jobs.convert.timm_vit import configuration, image_processor, renamed
from tests.images import sketch

WIDTH, HEADS, DEPTH, PATCH, SIDE, CLASSES = 24, 3, 2, 8, 32, 5
DATA = {
    "input_size": (3, 384, 384), "interpolation": "bicubic", "mean": (0.5, 0.4, 0.3),
    "std": (0.2, 0.3, 0.5), "crop_pct": 1.0, "crop_mode": "center",
}  # fmt: skip


@pytest.fixture
def weights():
    torch.manual_seed(0)
    sizes = {
        "cls_token": (1, 1, WIDTH),
        "pos_embed": (1, (SIDE // PATCH) ** 2 + 1, WIDTH),
        "patch_embed.proj": (WIDTH, 3, PATCH, PATCH),
        "norm": (WIDTH,),
        "head": (CLASSES, WIDTH),
    }
    for index in range(DEPTH):
        for name, shape in {
            "norm1": (WIDTH,), "attn.qkv": (3 * WIDTH, WIDTH), "attn.proj": (WIDTH, WIDTH),
            "norm2": (WIDTH,), "mlp.fc1": (3 * WIDTH, WIDTH), "mlp.fc2": (WIDTH, 3 * WIDTH),
        }.items():  # fmt: skip
            sizes[f"blocks.{index}.{name}"] = shape
    found = {}
    for name, shape in sizes.items():
        if name in ("cls_token", "pos_embed"):
            found[name] = torch.randn(shape)
            continue
        found[f"{name}.weight"] = torch.randn(shape) * 0.3
        found[f"{name}.bias"] = torch.randn(shape[0]) * 0.3
    return found


def plain(weights, pixels):
    """timm's VisionTransformer in functions: float32 [n, 3, h, w] to logits."""

    def linear(x, name):
        return functional.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])

    def norm(x, name):
        scale, shift = weights[f"{name}.weight"], weights[f"{name}.bias"]
        return functional.layer_norm(x, (WIDTH,), scale, shift, eps=1e-6)

    patches = functional.conv2d(
        pixels, weights["patch_embed.proj.weight"], weights["patch_embed.proj.bias"], PATCH
    )
    x = patches.flatten(2).transpose(1, 2)
    x = torch.cat([weights["cls_token"].expand(len(x), -1, -1), x], 1) + weights["pos_embed"]
    for index in range(DEPTH):
        block = f"blocks.{index}"
        fused = linear(norm(x, f"{block}.norm1"), f"{block}.attn.qkv")
        queries, keys, values = (
            fused.reshape(len(x), x.shape[1], 3, HEADS, -1).permute(2, 0, 3, 1, 4).unbind(0)
        )
        scores = queries @ keys.transpose(-2, -1) / (WIDTH // HEADS) ** 0.5
        mixed = (scores.softmax(-1) @ values).transpose(1, 2).reshape(x.shape)
        x = x + linear(mixed, f"{block}.attn.proj")
        hidden = functional.gelu(linear(norm(x, f"{block}.norm2"), f"{block}.mlp.fc1"))
        x = x + linear(hidden, f"{block}.mlp.fc2")
    return linear(norm(x, "norm")[:, 0], "head")


def test_the_renamed_network_gives_the_same_logits(weights):
    config = configuration(weights, HEADS, SIDE, [f"class {index}" for index in range(CLASSES)])
    network = ViTForImageClassification(config).eval()
    network.load_state_dict(renamed(weights))
    pixels = torch.randn(2, 3, SIDE, SIDE)
    with torch.inference_mode():
        found, expected = network(pixel_values=pixels).logits, plain(weights, pixels)
    assert expected.std() > 0.3
    assert (found - expected).abs().max() < 1e-5
    assert config.layer_norm_eps == 1e-6 and config.intermediate_size == 3 * WIDTH
    assert config.id2label[4] == "class 4"


@pytest.mark.parametrize(
    "stranger",
    ["reg_token", "norm_pre.weight", "blocks.0.ls1.gamma", "blocks.0.attn.q_norm.weight"],
)
def test_what_a_plain_transformer_does_not_have_is_refused(weights, stranger):
    with pytest.raises(Refused, match=f"it has {stranger}"):
        renamed(weights | {stranger: torch.zeros(1)})


def processed(folder: Path, data, picture):
    (folder / "preprocessor_config.json").write_text(json.dumps(image_processor(data)))
    processor = AutoImageProcessor.from_pretrained(folder, backend="pil")
    found = processor(
        images=[np.asarray(picture)], input_data_format="channels_last", return_tensors="np"
    )
    return found.pixel_values[0]


def evaluation_transform(data, picture):
    """timm's: the shortest side to size / crop_pct, the middle of it, scaled and normalised."""
    side = int(data["input_size"][1] / data["crop_pct"])
    shortest = min(picture.size)
    size = tuple(int(side * each / shortest) for each in picture.size)
    if data["crop_mode"] == "squash":
        size = (side, side)
    image = np.asarray(picture.resize(size, Image.Resampling[data["interpolation"].upper()]))
    left, top = ((each - data["input_size"][1]) // 2 for each in size)
    middle = image[top:, left:][: data["input_size"][1], : data["input_size"][2]]
    return ((middle / 255 - data["mean"]) / data["std"]).transpose(2, 0, 1)


@pytest.mark.parametrize("size", [(64, 64), (300, 200), (200, 300), (512, 512)])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"crop_pct": 0.9, "input_size": (3, 224, 224)},
        {"crop_pct": 0.875, "interpolation": "bilinear", "input_size": (3, 64, 64)},
        {"crop_mode": "squash"},
    ],
)
def test_pictures_are_prepared_as_timm_does(changes, size, tmp_path):
    data = DATA | changes
    found = processed(tmp_path, data, sketch(*size))
    assert found.shape == data["input_size"]
    assert np.abs(found - evaluation_transform(data, sketch(*size))).max() < 1e-5


@pytest.mark.parametrize("changes", [{"input_size": (3, 224, 384)}, {"crop_mode": "border"}])
def test_other_ways_to_prepare_pictures_are_refused(changes):
    with pytest.raises(Refused):
        image_processor(DATA | changes)
