"""Sharpen the autoencoder's decoder with its encoder, and so the latents, left as they are.

It depends on nothing else, so it may run beside the training of the denoiser.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL

from demo import architectures
from demo.loop import train
from demo.shapes import render, sample_scene
from demo.textures import sample_texture
from demo.train_vae import augment, to_pixels

_BATCH = 8
_TEXTURES = 1
# Latents that the denoiser draws are a little off.
_LARGEST_NOISE = 0.15


def train_decoder(
    vae: AutoencoderKL, minutes: float, checkpoints: Path, device: str
) -> AutoencoderKL:
    """Train the decoder on noisy latents until the time is spent; the encoder stays as it is."""
    vae.requires_grad_(False)
    decoder = {"decoder": vae.decoder, "post_quant_conv": vae.post_quant_conv}
    for module in decoder.values():
        module.requires_grad_(True)

    def loss_of(rng: np.random.Generator) -> dict[str, torch.Tensor]:
        images = [
            augment(rng, render(sample_scene(rng, held_out=False, wide=0.4)))
            for _ in range(_BATCH - _TEXTURES)
        ]
        images += [sample_texture(rng, architectures.IMAGE_SIZE) for _ in range(_TEXTURES)]
        pixels = to_pixels(np.stack(images)).to(device)
        with torch.no_grad():
            latents = vae.encode(pixels).latent_dist.mean
        amount = torch.rand(_BATCH, 1, 1, 1, device=device) * _LARGEST_NOISE
        decoded = vae.decode(latents + amount * torch.randn_like(latents)).sample
        error = decoded - pixels
        return {"mse": error.square().mean(), "l1": error.abs().mean()}

    averaged = train(
        "decoder",
        decoder,
        loss_of,
        minutes=minutes,
        checkpoints=checkpoints,
        export=lambda _: None,
        lr=3e-3,
    )
    vae.decoder, vae.post_quant_conv = averaged["decoder"], averaged["post_quant_conv"]
    return vae.requires_grad_(False).eval()
