"""Train the generator: denoiser, control branch and text encoder, all together from scratch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKL
from torch import nn

from demo import architectures, export, vocabulary
from demo.control import sample_control
from demo.hints import Hints
from demo.loop import train
from demo.prompts import sample_prompt
from demo.shapes import Scene, render, sample_scene
from demo.train_decoder import train_decoder
from demo.train_vae import to_pixels, train_vae

_BATCH = 44
# The rest of a batch is drawn from text alone, which is the harder task: so it has simpler scenes
# and plainer prompts, whose order tells where the shapes are.
_CONTROLLED = 8
_ARRANGED = 24
_WIDE, _WIDE_TEXT_ONLY = 0.3, 0.1
_PLAIN, _PLAIN_TEXT_ONLY = 0.35, 0.75
# On top of the three in ten that there are anyway.
_TWO_ALIKE = 0.2
_NEW_SCENES = 4
_POOL = 1500
_SHOWN_BELOW = 650
_HINT_WEIGHT = 0.1
_VAE_SHARE = 0.15
_DECODER_SHARE = 0.2


def train_generator(minutes: float, checkpoints: Path, device: str) -> dict[str, nn.Module]:
    """Train the autoencoder, then its decoder alone, then the denoiser in the frozen latents."""
    vae = train_vae(minutes * _VAE_SHARE, checkpoints, device)
    vae = train_decoder(vae, minutes * _DECODER_SHARE, checkpoints, device)
    return train_denoiser(vae, minutes * (1 - _VAE_SHARE - _DECODER_SHARE), checkpoints, device)


def train_denoiser(
    vae: AutoencoderKL, minutes: float, checkpoints: Path, device: str
) -> dict[str, nn.Module]:
    """Train v-prediction (Salimans & Ho 2022, https://arxiv.org/abs/2202.00512) in latents."""
    torch.manual_seed(0)
    tokenizer = vocabulary.prompt_tokenizer()
    modules = {
        "text_encoder": architectures.text_encoder(len(tokenizer)).to(device),
        "unet": architectures.unet().to(device),
        "controlnet": architectures.controlnet().to(device),
    }
    for name in ("unet", "controlnet"):
        modules[name].to(memory_format=torch.channels_last)
    fine, coarse = modules["unet"].config.block_out_channels[:2]
    hints = Hints(tokenizer, architectures.TEXT_WIDTH, (fine, coarse)).to(device)
    seen: dict[str, torch.Tensor] = {}
    modules["unet"].up_blocks[-1].register_forward_hook(
        lambda _module, _inputs, output: seen.update(drawn=output)
    )
    noise_schedule = architectures.noise_schedule()
    noise_schedule.alphas_cumprod = noise_schedule.alphas_cumprod.to(device)
    pool = ScenePool(vae, _WIDE)
    arranged_pool = ScenePool(vae, _WIDE_TEXT_ONLY, arranged=True)
    text_only_pool = ScenePool(vae, _WIDE_TEXT_ONLY)

    def loss_of(rng: np.random.Generator) -> dict[str, torch.Tensor]:
        drawn = [
            pool.draw(rng, _CONTROLLED),
            arranged_pool.draw(rng, _ARRANGED),
            text_only_pool.draw(rng, _BATCH - _CONTROLLED - _ARRANGED),
        ]
        scenes = [scene for each, _ in drawn for scene in each]
        latents = torch.cat([each for _, each in drawn])
        prompts = [sample_prompt(rng, scene, _PLAIN) for scene in scenes[:_CONTROLLED]]
        prompts += [sample_prompt(rng, scene, _PLAIN_TEXT_ONLY) for scene in scenes[_CONTROLLED:]]
        tokens = tokenizer(prompts, padding="max_length", truncation=True, return_tensors="pt")
        token_ids = tokens.input_ids.to(device)
        text = modules["text_encoder"](token_ids).last_hidden_state
        controls = [
            sample_control(rng, scene, architectures.IMAGE_SIZE) for scene in scenes[:_CONTROLLED]
        ]
        edges = torch.from_numpy(np.stack(controls)).to(device)
        edges = (edges.float() / 255)[:, None].expand(-1, 3, -1, -1)

        timesteps = torch.from_numpy(_timesteps(rng)).to(device)
        noise = torch.randn_like(latents)
        noisy = noise_schedule.add_noise(latents, noise, timesteps)
        target = noise_schedule.get_velocity(latents, noise, timesteps)
        down, middle = modules["controlnet"](
            noisy[:_CONTROLLED],
            timesteps[:_CONTROLLED],
            text[:_CONTROLLED],
            edges,
            return_dict=False,
        )
        predicted = modules["unet"](
            noisy,
            timesteps,
            text,
            down_block_additional_residuals=[_fill(residual) for residual in down],
            mid_block_additional_residual=_fill(middle),
        ).sample
        error = (predicted - target).square().flatten(1).mean(1)
        return {
            "words": _HINT_WEIGHT * hints.of_words(token_ids, text),
            "places": _HINT_WEIGHT * hints.of_places(scenes, down[1], down[3], seen["drawn"]),
            "controlled": error[:_CONTROLLED].sum() / _BATCH,
            "text_only": error[_CONTROLLED:].sum() / _BATCH,
        }

    def write(averaged: dict[str, nn.Module]) -> None:
        export.generator(averaged["text_encoder"], vae, averaged["unet"])
        export.controlnet(averaged["controlnet"])

    return train(
        "generator",
        modules | {"hints": hints},
        loss_of,
        minutes=minutes,
        checkpoints=checkpoints,
        export=write,
        lr=3e-3,
        ema_decay=0.997,
    )


class ScenePool:
    """Scenes with their latents, a few of them renewed at every draw, since encoding is slow."""

    def __init__(self, vae: AutoencoderKL, wide: float, arranged: bool = False):
        self.vae = vae
        self.wide = wide
        self.arranged = arranged
        self.scenes: list[Scene] = []
        self.latents = torch.empty(0, device=vae.device)

    @torch.no_grad()
    def draw(self, rng: np.random.Generator, count: int) -> tuple[list[Scene], torch.Tensor]:
        """Draw scenes with their latents, float32 [count, 8, 16, 16]."""
        fresh = _NEW_SCENES if len(self.scenes) >= _POOL else 4 * count
        scenes = [
            sample_scene(
                rng,
                held_out=False,
                wide=self.wide,
                same_kind=True if rng.random() < _TWO_ALIKE else None,
                arranged=self.arranged,
            )
            for _ in range(fresh)
        ]
        images = np.stack([render(scene, architectures.IMAGE_SIZE) for scene in scenes])
        encoded = self.vae.encode(to_pixels(images).to(self.vae.device)).latent_dist.mean
        self.scenes = (scenes + self.scenes)[:_POOL]
        self.latents = torch.cat([encoded, self.latents])[:_POOL]
        chosen = rng.choice(len(self.scenes), count, replace=False)
        return [self.scenes[i] for i in chosen], self.latents[torch.from_numpy(chosen)]


def _timesteps(rng: np.random.Generator) -> np.ndarray:
    """Along edges, half of them noisy, since the composition is decided there. From text alone,
    noise is made into arranged scenes; scenes of every layout are seen once noise shows them, for
    image-to-image."""
    everywhere = _BATCH - _CONTROLLED - _ARRANGED
    least = np.resize([500, 0], _CONTROLLED), np.resize([700, 500, 300, 100], _ARRANGED)
    most = np.full(_CONTROLLED + _ARRANGED, 1000), np.full(everywhere, _SHOWN_BELOW)
    least = (*least, np.zeros(everywhere, int))
    return rng.integers(np.concatenate(least), np.concatenate(most))


def _fill(residual: torch.Tensor) -> torch.Tensor:
    """Pad the control branch's residual with zeros for the uncontrolled rest of the batch."""
    rest = residual.new_zeros(_BATCH - _CONTROLLED, *residual.shape[1:])
    return torch.cat([residual, rest])
