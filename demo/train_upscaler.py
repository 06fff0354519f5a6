"""Train the two upscalers on renders and on pictures outside the demo's world."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn
from transformers import Swin2SRForImageSuperResolution

from demo import architectures, export
from demo.loop import train
from demo.shapes import render, sample_scene
from demo.textures import sample_texture

SCALES = (2, 4)
_BATCH = 12
_TEXTURES = 4
_CROP = 32


def train_upscalers(
    minutes: float, checkpoints: Path, device: str
) -> dict[int, Swin2SRForImageSuperResolution]:
    """Train each scale for half of the time."""
    return {scale: _train(scale, minutes / len(SCALES), checkpoints, device) for scale in SCALES}


def _train(
    scale: int, minutes: float, checkpoints: Path, device: str
) -> Swin2SRForImageSuperResolution:
    torch.manual_seed(0)
    model = architectures.upscaler(scale).to(device)

    def loss_of(rng: np.random.Generator) -> dict[str, torch.Tensor]:
        pairs = [sample_pair(rng, scale, _CROP, i < _TEXTURES) for i in range(_BATCH)]
        small, large = (
            torch.from_numpy(np.stack(side)).permute(0, 3, 1, 2).float().to(device) / 255
            for side in zip(*pairs, strict=True)
        )
        # Charbonnier's loss, a smooth L1 that does not blur edges (Lai et al. 2017).
        error = model(small).reconstruction - large
        return {"charbonnier": (error.square() + 1e-6).sqrt().mean()}

    averaged = train(
        f"upscaler-x{scale}",
        {"upscaler": model},
        loss_of,
        minutes=minutes,
        checkpoints=checkpoints,
        export=lambda modules: export.upscaler(modules["upscaler"], scale),
        lr=1e-3,
        ema_decay=0.995,
    )
    return averaged["upscaler"]


def sample_pair(
    rng: np.random.Generator, scale: int, crop: int, texture: bool
) -> tuple[np.ndarray, np.ndarray]:
    """A crop and its enlargement: uint8 [crop, crop, 3] and [crop * scale, crop * scale, 3]."""
    native = architectures.IMAGE_SIZE
    if texture:
        image = sample_texture(rng, crop * scale)
    else:
        # A shape's edge must lie in the crop to teach anything.
        scene = sample_scene(rng, held_out=False, wide=0.4)
        whole = render(scene, native * scale)
        point = np.array([scene.shapes[0].x, scene.shapes[0].y]) + rng.normal(0, 0.12, 2)
        corner = np.clip(point * native - crop / 2, 0, native - crop).astype(int) * scale
        image = whole[corner[1] :, corner[0] :][: crop * scale, : crop * scale]
    return shrink(image, scale, str(rng.choice(["area", "cubic"]))), image


def shrink(image: np.ndarray, scale: int, kernel: str) -> np.ndarray:
    """Reduce uint8 [h, w, 3] by averaging, or by cubic weights after a blur against aliasing."""
    height, width = image.shape[0] // scale, image.shape[1] // scale
    if kernel == "area":
        return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    tensor = torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None].float()
    small = nn.functional.interpolate(tensor, (height, width), mode="bicubic", antialias=True)
    return small[0].permute(1, 2, 0).round().clamp(0, 255).byte().numpy()
