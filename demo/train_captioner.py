"""Train the captioner, with a throw-away loss that names what each patch shows.

It reads renders, and pictures by the generator, which therefore has to be trained before.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn
from transformers import GitForCausalLM

from demo import architectures, export, vocabulary
from demo.degrade import degrade, warp
from demo.drawn import draw_pictures
from demo.loop import train
from demo.outlines import KINDS
from demo.patches import patch_labels
from demo.shapes import COLORS, caption, render, sample_scene
from demo.train_vae import to_pixels

_BATCH = 32
_DRAWN = 8
_POOL = 300
_WIDE = 0.7
_WARPED = 0.3
_LARGEST_SHIFT = 2.0
_PATCH_WEIGHT = 0.5
_GRID = architectures.CAPTIONER_SIZE // architectures.CAPTIONER_PATCH


def train_captioner(minutes: float, checkpoints: Path, device: str) -> GitForCausalLM:
    """Train until the time is spent and return the averaged model."""
    pool = draw_pictures(np.random.default_rng(4), _POOL, _WIDE)
    torch.manual_seed(0)
    words = vocabulary.caption_tokenizer()
    model = architectures.captioner(
        len(words), words.cls_token_id, words.sep_token_id, words.pad_token_id
    ).to(device)
    # One head names the kind (0 is none), the other the colour, of what covers each patch.
    patch_head = nn.Linear(model.config.hidden_size, len(KINDS) + 1 + len(COLORS)).to(device)

    def loss_of(rng: np.random.Generator) -> dict[str, torch.Tensor]:
        scenes = [sample_scene(rng, held_out=False, wide=_WIDE) for _ in range(_BATCH - _DRAWN)]
        images = [render(scene, architectures.IMAGE_SIZE) for scene in scenes]
        for index in rng.choice(len(pool), _DRAWN, replace=False):
            scene, image = pool[index]
            scenes.append(scene)
            images.append(image)
        pixels = to_pixels(np.stack([_damaged(rng, image) for image in images])).to(device)
        text = words([caption(scene) for scene in scenes], padding=True, return_tensors="pt").to(
            device
        )
        labels = text.input_ids.masked_fill(text.attention_mask == 0, -100)
        seen = {}
        hook = model.git.image_encoder.register_forward_hook(
            lambda _module, _inputs, output: seen.update(features=output.last_hidden_state)
        )
        loss = model(text.input_ids, text.attention_mask, pixel_values=pixels, labels=labels).loss
        hook.remove()
        kinds, colors = (
            torch.from_numpy(np.stack(each)).to(device)
            for each in zip(*(patch_labels(scene, _GRID) for scene in scenes), strict=True)
        )
        logits = patch_head(seen["features"][:, 1:]).transpose(1, 2)
        kind_logits, color_logits = logits.split([len(KINDS) + 1, len(COLORS)], dim=1)
        return {
            "caption": loss,
            "kind": _PATCH_WEIGHT * nn.functional.cross_entropy(kind_logits, kinds),
            "color": _PATCH_WEIGHT * nn.functional.cross_entropy(color_logits, colors),
        }

    averaged = train(
        "captioner",
        {"captioner": model, "patch_head": patch_head},
        loss_of,
        minutes=minutes,
        checkpoints=checkpoints,
        export=lambda modules: export.captioner(modules["captioner"]),
        lr=2e-3,
        ema_decay=0.995,
    )
    return averaged["captioner"]


def _damaged(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """uint8 [128, 128, 3] with blobs for shapes and worn, uint8 [96, 96, 3]."""
    if rng.random() < _WARPED:
        image = warp(rng, image, rng.uniform(0, _LARGEST_SHIFT))
    image = degrade(rng, image)
    side = (architectures.CAPTIONER_SIZE,) * 2
    return cv2.resize(image, side, interpolation=rng.choice([cv2.INTER_AREA, cv2.INTER_CUBIC]))
