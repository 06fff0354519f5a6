"""The engine without a server: make images in a plain call, with every step's picture if wanted."""

from collections.abc import Callable, Sequence

import torch

from serve_app.config import Defaults
from serve_app.denoise.engine import Engine
from serve_app.denoise.trajectory import Work
from serve_app.messages import GenerationRequest


def denoise(
    engine: Engine,
    works: Sequence[Work],
    on_step: Callable[[int, int, torch.Tensor], None] | None = None,
) -> list[torch.Tensor]:
    """The finished latents [1, channels, height, width] of each work, in order.

    `on_step(index, step, latents)` is told after each step but the last what a picture is expected
    to become. Raises what the first row to fail failed with.
    """
    rows = {
        engine.add(work, previews=work.steps - 1 if on_step else 0): index
        for index, work in enumerate(works)
    }
    made: dict[int, torch.Tensor] = {}
    while len(made) < len(works):
        outcome = engine.step()
        for _, error in outcome.failed:
            raise error
        for row, expected in outcome.previews:
            if on_step:
                on_step(rows[row], row.steps_done, expected)
        for row, latents in outcome.finished:
            made[rows[row]] = latents
    return [made[index] for index in range(len(works))]


def request_of(
    defaults: Defaults, prompt: str, seed: int, *, conditioned: bool
) -> GenerationRequest:
    """The service's request for a prompt and a seed; everything else from `defaults`."""
    return GenerationRequest(
        prompt=prompt,
        negative_prompt="",
        seed=seed,
        width=defaults.width,
        height=defaults.height,
        num_inference_steps=defaults.num_inference_steps,
        sampler=defaults.sampler,
        guidance_scale=defaults.guidance_scale,
        guidance_end=defaults.guidance_end_of(conditioned),
        latent_clamp=defaults.latent_clamp,
        controlnet_conditioning_scale=defaults.controlnet_conditioning_scale,
        strength=defaults.strength,
    )
