"""One image being denoised: from a request to latents, prepared as diffusers' pipelines do it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import torch

from serve_app.denoise.inpainting import COVERED, Kept, everything, latent_mask
from serve_app.denoise.sampler import Sampler, Samplers
from serve_app.errors import InvalidRequest
from serve_app.messages import Covered, GenerationRequest, Pixels


class DenoisingModel(Protocol):
    """What denoising asks of a runtime: networks behind plain calls, on a device and in a dtype."""

    device: torch.device
    dtype: torch.dtype
    noise_schedule: Mapping[str, Any]
    inpaints: bool
    """Whether it takes, beside latents, a mask and the latents of the picture that is masked."""

    def latent_shape(self, width: int, height: int) -> tuple[int, int, int]:
        """Channels, height and width of the latents of an image of this size in pixels."""
        ...

    def encode_prompts(self, prompts: Sequence[str]) -> list[torch.Tensor]:
        """An embedding [1, tokens, features] for each prompt."""
        ...

    def encode_image(
        self, image: Pixels, generator: torch.Generator, covered: Covered | None = None
    ) -> torch.Tensor:
        """Latents [1, channels, height, width] of a uint8 RGB picture, grey where it is covered:
        bool [height, width]."""
        ...

    def embed_edges(self, edges: Sequence[Pixels]) -> list[torch.Tensor]:
        """What the control branch makes of edge maps, uint8 [height, width]: the same each step."""
        ...

    def predict(
        self,
        sample: torch.Tensor,
        timesteps: torch.Tensor,
        text: torch.Tensor,
        control: torch.Tensor | None,
        control_scale: torch.Tensor | None,
    ) -> torch.Tensor:
        """Run the networks once over lanes [n, …]; the first `len(control)` are conditioned."""
        ...


@dataclass(frozen=True)
class Work:
    """A request with its pixels, all of its size: edges uint8 [height, width], a picture uint8 RGB
    to start from, and a mask uint8 [height, width] of what to make anew of it: where it is at least
    128."""

    request: GenerationRequest
    edges: Pixels | None = None
    image: Pixels | None = None
    mask: Pixels | None = None

    @property
    def steps(self) -> int:
        """Steps to compute: image-to-image leaves out those before `strength`."""
        steps = self.request.num_inference_steps
        return steps if self.image is None else min(int(steps * self.request.strength), steps)

    @property
    def guided_steps(self) -> int:
        """The first steps, which run with classifier-free guidance and so take two lanes.

        Late steps hardly need it (Kynkäänniemi et al. 2024, https://arxiv.org/abs/2404.07724):
        after `guidance_end` they run without, at half the cost.
        """
        if self.request.guidance_scale <= 1:
            return 0
        return round(self.steps * self.request.guidance_end)

    @cached_property
    def steered_steps(self) -> range:
        """The steps, from 0, that are ControlNet-conditioned; as diffusers' ControlNet pipelines
        choose them, of those that are computed."""
        if self.edges is None:
            return range(0)
        count, request = self.steps, self.request
        steered = [
            step
            for step in range(count)
            if step / count >= request.control_guidance_start
            and (step + 1) / count <= request.control_guidance_end
        ]
        return range(steered[0], steered[-1] + 1) if steered else range(0)


@dataclass(eq=False)
class Trajectory:
    """The state of one image between two steps; every tensor has a batch dimension of 1."""

    work: Work
    latents: torch.Tensor
    sampler: Sampler
    generator: torch.Generator
    text: torch.Tensor
    negative: torch.Tensor | None
    control: torch.Tensor | None
    expected: torch.Tensor | None = None
    kept: Kept | None = None
    shown: torch.Tensor | None = None
    """The channels that a model which inpaints takes after the latents' own."""

    def advance(self, prediction: torch.Tensor) -> None:
        """Take one step with the guided prediction [1, channels, height, width]."""
        latents, expected = self.sampler.advance(self.latents, prediction, self.generator)
        if self.kept is not None:
            latents = self.kept.laid_over(latents, self.sampler)
            expected = self.kept.in_expected(expected)
        self.latents, self.expected = latents, expected

    @property
    def guided(self) -> bool:
        """Whether the next step takes two lanes of the networks' batch."""
        return self.sampler.done < self.work.guided_steps

    @property
    def steering(self) -> torch.Tensor | None:
        """What steers the next step: the embedded edges, or nothing."""
        return self.control if self.sampler.done in self.work.steered_steps else None

    @property
    def finished(self) -> bool:
        return self.sampler.done == self.sampler.steps


def start_all(works: Sequence[Work], model: DenoisingModel, samplers: Samplers) -> list[Trajectory]:
    """Begin trajectories, their texts and edges encoded together. Raises InvalidRequest."""
    texts = model.encode_prompts([work.request.prompt for work in works])
    guided = [work for work in works if work.guided_steps]
    negatives = _for(guided, model.encode_prompts([w.request.negative_prompt for w in guided]))
    conditioned = [work for work in works if work.edges is not None]
    edges = [work.edges for work in conditioned if work.edges is not None]
    controls = _for(conditioned, model.embed_edges(edges))
    return [
        _start(work, model, samplers, text, negatives(work), controls(work))
        for work, text in zip(works, texts, strict=True)
    ]


def _for(
    works: Sequence[Work], made: Sequence[torch.Tensor]
) -> Callable[[Work], torch.Tensor | None]:
    by_work = {id(work): tensor for work, tensor in zip(works, made, strict=True)}
    return lambda work: by_work.get(id(work))


def _start(
    work: Work,
    model: DenoisingModel,
    samplers: Samplers,
    text: torch.Tensor,
    negative: torch.Tensor | None,
    control: torch.Tensor | None,
) -> Trajectory:
    request = work.request
    if work.steps < 1:
        message = "strength is too low for so few steps: nothing would change"
        raise InvalidRequest(message).about("strength")
    skipped = request.num_inference_steps - work.steps
    sampler = samplers.start(request.sampler, request.num_inference_steps, skipped)
    # On the CPU whatever the device, so that a seed gives the same noise on each.
    generator = torch.Generator("cpu").manual_seed(request.seed)
    shape = model.latent_shape(request.width, request.height)

    def drawn() -> torch.Tensor:
        noise = torch.randn((1, *shape), generator=generator, dtype=model.dtype)
        return noise.to(model.device)

    image, mask = work.image, work.mask
    if mask is None and model.inpaints:
        mask = everything(request.width, request.height)
    # diffusers' inpaint pipelines begin with noise alone at a strength of 1.
    from_noise = mask is not None and request.strength == 1
    # The order in which noise is drawn is that of diffusers' pipelines.
    picture = None
    if image is not None and not (model.inpaints and from_noise):
        picture = model.encode_image(image, generator)
    noise = drawn()
    latents = sampler.noised(noise, None if from_noise else picture)
    row = Trajectory(work, latents, sampler, generator, text, negative, control)
    if mask is None:
        return row
    if model.inpaints:
        if image is None:
            image = np.zeros((request.height, request.width, 3), np.uint8)
        covered = model.encode_image(image, generator, mask >= COVERED)
        row.shown = torch.cat([latent_mask(mask, noise), covered], 1)
    else:
        assert picture is not None, "a mask is of a picture"
        drawn()  # diffusers encodes the masked picture here too, although nothing looks at it
        row.kept = Kept(latent_mask(mask, noise), picture, noise)
    return row
