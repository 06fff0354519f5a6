"""timm's plain vision transformers to transformers' ViTForImageClassification.

Names, shapes and the forward pass are those of `timm/models/vision_transformer.py`: one class
token, learned positions, LayerNorm with eps 1e-6 before attention and MLP, GELU, a linear head on
the class token.
"""

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL.Image import Resampling
from torch import nn
from transformers import ViTConfig, ViTForImageClassification
from transformers.utils import logging

from serve_app.imaging import codec
from serve_app.jobs.convert import timm_reference
from serve_app.jobs.convert.checkpoint import Refused, Tensors, read
from serve_app.jobs.one_line import one_line
from serve_app.model_config import ClassifierModel, Placement
from serve_app.runtimes.classifier import ClassifierRuntime

MAX_DIFFERENCE = 1e-4  # of logits; float32 sums in another order move them by about 1e-5
_NAMES = (
    (r"cls_token", "vit.embeddings.cls_token"),
    (r"pos_embed", "vit.embeddings.position_embeddings"),
    (r"patch_embed\.proj\.(\w+)", r"vit.embeddings.patch_embeddings.projection.\1"),
    (r"blocks\.(\d+)\.norm1\.(\w+)", r"vit.layers.\1.layernorm_before.\2"),
    (r"blocks\.(\d+)\.norm2\.(\w+)", r"vit.layers.\1.layernorm_after.\2"),
    (r"blocks\.(\d+)\.attn\.proj\.(\w+)", r"vit.layers.\1.attention.o_proj.\2"),
    (r"blocks\.(\d+)\.mlp\.(fc[12])\.(\w+)", r"vit.layers.\1.mlp.\2.\3"),
    (r"norm\.(\w+)", r"vit.layernorm.\1"),
    (r"head\.(\w+)", r"classifier.\1"),
)
_FUSED = re.compile(r"blocks\.(\d+)\.attn\.qkv\.(\w+)")


def renamed(weights: Tensors) -> Tensors:
    """timm's weights by the names of transformers, queries, keys and values apart.

    Raises Refused for what a plain vision transformer does not have, such as register tokens.
    """
    found: Tensors = {}
    for name, each in weights.items():
        if fused := _FUSED.fullmatch(name):
            parts = zip("qkv", each.chunk(3), strict=True)
            layer = f"vit.layers.{fused[1]}.attention"
            found |= {f"{layer}.{part}_proj.{fused[2]}": tensor for part, tensor in parts}
            continue
        for pattern, replacement in _NAMES:
            if match := re.fullmatch(pattern, name):
                found[match.expand(replacement)] = each
                break
        else:
            raise Refused(f"not a plain vision transformer: it has {name}")
    return found


def configuration(weights: Tensors, heads: int, side: int, labels: Sequence[str]) -> ViTConfig:
    """Sizes as the weights have them; `side` of the input is in pixels."""
    hidden, _, patch, _ = weights["patch_embed.proj.weight"].shape
    layers = {name.split(".")[1] for name in weights if name.startswith("blocks.")}
    return ViTConfig(
        hidden_size=hidden,
        num_hidden_layers=len(layers),
        num_attention_heads=heads,
        intermediate_size=len(weights["blocks.0.mlp.fc1.weight"]),
        image_size=side,
        patch_size=patch,
        qkv_bias="blocks.0.attn.qkv.bias" in weights,
        layer_norm_eps=1e-6,
        id2label=dict(enumerate(labels)),
        label2id={label: index for index, label in enumerate(labels)},
    )


def image_processor(data: dict[str, Any]) -> dict[str, Any]:
    """The content of preprocessor_config.json that does what timm's evaluation transform does:
    the shortest side to size / crop_pct, and the middle of it. Raises Refused."""
    _, height, width = data["input_size"]
    if height != width or data["crop_mode"] not in ("center", "squash"):
        raise Refused(f"cannot preprocess for {width}x{height} with crop mode {data['crop_mode']}")
    scaled = math.floor(height / data["crop_pct"])
    square = {"height": scaled, "width": scaled}
    return {
        "image_processor_type": "ViTImageProcessor",
        "do_resize": True,
        "size": {"shortest_edge": scaled} if data["crop_mode"] == "center" else square,
        "resample": int(Resampling[data["interpolation"].upper()]),
        "do_center_crop": True,
        "crop_size": {"height": height, "width": width},
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": list(data["mean"]),
        "image_std": list(data["std"]),
    }


def convert(
    checkpoint: Path,
    folder: Path,
    pictures: Sequence[Path],
    architecture: str | None = None,
    labels: Path | None = None,
) -> float:
    """Write a ViTForImageClassification folder, and return the largest difference of its logits
    from timm's on the pictures.

    Without `architecture`, it and the settings of pictures are those of the config.json beside the
    checkpoint, as timm's models on the hub have it. `labels` is a file of a class a line.
    Raises Refused, also where the difference is over `MAX_DIFFERENCE`; ServiceError, OSError.
    """
    logging.disable_progress_bar()
    beside = checkpoint.with_name("config.json")
    about = json.loads(beside.read_text()) if architecture is None and beside.exists() else {}
    name = architecture or about.get("architecture")
    if name is None:
        raise Refused(f"name the architecture, as there is no {beside}")
    weights = read(checkpoint)
    reference: Any = timm_reference.network(name, weights, about.get("pretrained_cfg", {}))
    data = timm_reference.data_configuration(reference)
    _write(weights, reference, data, _labels(labels, about, len(weights["head.weight"])), folder)
    return _checked(reference, folder, pictures)


def _write(
    weights: Tensors, reference: Any, data: dict[str, Any], labels: Sequence[str], folder: Path
) -> None:
    heads = reference.blocks[0].attn.num_heads
    named = renamed(weights)
    network: Any = ViTForImageClassification(
        configuration(weights, heads, data["input_size"][1], labels)
    )
    try:
        network.load_state_dict(named)
    except RuntimeError as error:
        raise Refused(f"not a plain vision transformer: {one_line(error)}") from error
    network.to(weights["head.weight"].dtype).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(json.dumps(image_processor(data), indent=2))


def _labels(path: Path | None, about: dict[str, Any], classes: int) -> Sequence[str]:
    if path is None:
        default = [f"LABEL_{index}" for index in range(classes)]
        labels = about.get("label_names", default)
    else:
        labels = path.read_text().splitlines()
    if len(labels) != classes:
        raise Refused(f"{len(labels)} labels for {classes} classes")
    return labels


def _checked(reference: nn.Module, folder: Path, pictures: Sequence[Path]) -> float:
    runtime = ClassifierRuntime(
        ClassifierModel(path=str(folder), placement=Placement(device="cpu", dtype="float32"))
    )
    differences = []
    for picture in pictures:
        pixels = codec.decode(picture.read_bytes(), 2**31)
        inputs = torch.from_numpy(runtime.preprocess([pixels]))
        with torch.inference_mode():
            expected = reference(inputs)
            found = runtime.network(pixel_values=inputs).logits
        differences.append((found - expected).abs().max())
    largest = float(torch.stack(differences).max())
    if not largest <= MAX_DIFFERENCE:
        raise Refused(
            f"logits differ from timm's by {largest:.2g}, over {MAX_DIFFERENCE}"
        )  # NaN too
    return largest
