"""Train the generator's autoencoder (Kingma & Welling 2013, https://arxiv.org/abs/1312.6114)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL

from demo import architectures
from demo.loop import train
from demo.shapes import render, sample_scene
from demo.textures import sample_texture

_BATCH = 8
_TEXTURES = 2
_L1_WEIGHT = 0.3
_KL_WEIGHT = 1e-4


def train_vae(minutes: float, checkpoints: Path, device: str) -> AutoencoderKL:
    """Train until the time is spent; each channel of its latents has mean 0 and deviation 1."""
    torch.manual_seed(0)
    model = architectures.vae().to(device)

    def loss_of(rng: np.random.Generator) -> dict[str, torch.Tensor]:
        images = [
            augment(rng, render(sample_scene(rng, held_out=False, wide=0.5))) for _ in range(_BATCH)
        ]
        images[:_TEXTURES] = [
            sample_texture(rng, architectures.IMAGE_SIZE) for _ in range(_TEXTURES)
        ]
        pixels = to_pixels(np.stack(images)).to(device)
        posterior = model.encode(pixels).latent_dist
        error = model.decode(posterior.sample()).sample - pixels
        return {
            "mse": error.square().mean(),
            "l1": _L1_WEIGHT * error.abs().mean(),
            "kl": _KL_WEIGHT * posterior.kl().mean() / posterior.mean[0].numel(),
        }

    averaged = train(
        "vae",
        {"vae": model},
        loss_of,
        minutes=minutes,
        checkpoints=checkpoints,
        export=lambda _: None,
        lr=3e-3,
    )
    return standardise(averaged["vae"])


def to_pixels(images: np.ndarray) -> torch.Tensor:
    """uint8 [n, height, width, 3] to float32 [n, 3, height, width] in [-1, 1]."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float() / 127.5 - 1


@torch.no_grad()
def standardise(model: AutoencoderKL) -> AutoencoderKL:
    """Fold each latent channel's mean and deviation into the 1x1 convolutions around it."""
    rng = np.random.default_rng(1)
    scenes = [render(sample_scene(rng, held_out=False, wide=0.3)) for _ in range(256)]
    pixels = to_pixels(np.stack(scenes)).to(model.device)
    latents = torch.cat([model.encode(chunk).latent_dist.mean for chunk in pixels.split(32)])
    mean, deviation = latents.mean((0, 2, 3)), latents.std((0, 2, 3))
    channels = len(mean)
    after, before = model.quant_conv, model.post_quant_conv
    before.bias += before.weight[:, :, 0, 0] @ mean
    before.weight *= deviation[None, :, None, None]
    after.weight[:channels] /= deviation[:, None, None, None]
    after.bias[:channels] = (after.bias[:channels] - mean) / deviation
    after.bias[channels:] -= 2 * deviation.log()
    return model


def augment(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Shift the colours of every other picture, since users bring their own."""
    if rng.random() < 0.5:
        return image
    return (image + rng.normal(0, 25, 3)).clip(0, 255).astype(np.uint8)
