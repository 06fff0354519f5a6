"""Train the classifier on pictures of a single shape."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import torch
from torch import nn
from transformers import ViTForImageClassification

from demo import architectures, export
from demo.degrade import degrade
from demo.loop import train
from demo.outlines import KINDS
from demo.patches import patch_labels
from demo.shapes import render, sample_scene
from demo.train_vae import to_pixels

_BATCH = 64
_GRID = architectures.CLASSIFIER_SIZE // architectures.CLASSIFIER_PATCH


def train_classifier(minutes: float, checkpoints: Path, device: str) -> ViTForImageClassification:
    """Train until the time is spent and return the averaged model."""
    torch.manual_seed(0)
    model = architectures.classifier().to(device)

    # Thrown away after training; it names the kind (0 is none) in each patch.
    patch_head = nn.Linear(model.config.hidden_size, len(KINDS) + 1).to(device)

    def loss_of(rng: np.random.Generator) -> dict[str, torch.Tensor]:
        scenes = [sample_scene(rng, held_out=False, count=1, wide=0.85) for _ in range(_BATCH)]
        side = (architectures.CLASSIFIER_SIZE,) * 2
        images = [
            cv2.resize(degrade(rng, render(scene)), side, interpolation=cv2.INTER_AREA)
            for scene in scenes
        ]
        labels = torch.tensor([KINDS.index(scene.shapes[0].kind) for scene in scenes])
        pixels = to_pixels(np.stack(images)).to(device)
        seen = model.vit(pixels).last_hidden_state
        patches = torch.from_numpy(np.stack([patch_labels(scene, _GRID)[0] for scene in scenes]))
        patch_logits = patch_head(seen[:, 1:]).transpose(1, 2)
        return {
            "kind": nn.functional.cross_entropy(model.classifier(seen[:, 0]), labels.to(device)),
            "patch": nn.functional.cross_entropy(patch_logits, patches.to(device)),
        }

    averaged = train(
        "classifier",
        {"classifier": model, "patch_head": patch_head},
        loss_of,
        minutes=minutes,
        checkpoints=checkpoints,
        export=lambda modules: export.classifier(modules["classifier"]),
        lr=2e-3,
        ema_decay=0.995,
    )
    return averaged["classifier"]
