"""The engine without a server: make images in a plain call, with every step's picture if wanted."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch

from serve_app.config import Defaults
from serve_app.denoise.engine import Engine
from serve_app.denoise.trajectory import Model, Work
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
        for row in outcome.finished:
            assert row.trajectory is not None
            made[rows[row]] = row.trajectory.latents
    return [made[index] for index in range(len(works))]


def request_of(defaults: Defaults, prompt: str, seed: int, *, steered: bool) -> GenerationRequest:
    """What the service makes of a prompt and a seed alone, by whether edges steer it."""
    return GenerationRequest(
        prompt=prompt,
        negative_prompt="",
        seed=seed,
        width=defaults.width,
        height=defaults.height,
        num_inference_steps=defaults.num_inference_steps,
        sampler=defaults.sampler,
        guidance_scale=defaults.guidance_scale,
        guidance_end=defaults.guidance_end_of(steered),
        latent_clamp=defaults.latent_clamp,
        controlnet_conditioning_scale=defaults.controlnet_conditioning_scale,
        strength=defaults.strength,
    )


def warm_up(model: Model, engine: Engine, defaults: Defaults) -> torch.Tensor:
    """Run every kind of work at the default size, so that no client pays for first-call allocation,
    and let `engine` learn how long steps take. Returns finished latents, to warm up a decoder."""
    request = replace(
        request_of(defaults, "", 0, steered=True),
        num_inference_steps=3,
        guidance_scale=2.0,
        controlnet_conditioning_scale=1.0,
        strength=1.0,
    )
    blank = np.zeros((defaults.height, defaults.width, 3), np.uint8)
    plain, steered = Work(request), Work(request, blank[..., 0])
    started = Work(replace(request, image=b""), image=blank)
    unmeasured = Engine(model, 4)
    for works in ([plain], [started], [steered] * 4):
        denoise(unmeasured, works)
    for works in ([plain], [steered], [steered] * 4):
        latents = denoise(engine, works)
    return latents[0]
