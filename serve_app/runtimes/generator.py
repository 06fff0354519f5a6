"""Stable Diffusion 1.x with a Canny ControlNet: the networks behind plain calls.

The denoising loop is in `serve_app/denoise/`.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from diffusers import ControlNetModel, StableDiffusionControlNetPipeline
from diffusers.utils.logging import disable_progress_bar, set_verbosity_error
from torch import nn

from serve_app.errors import StageFailed
from serve_app.messages import Covered, Pixels
from serve_app.model_config import GeneratorModel
from serve_app.runtimes.denoiser import Denoiser, decoder
from serve_app.runtimes.placement import place
from serve_app.runtimes.verdicts import require_passed

CACHED_PROMPTS = 256
TINY_DECODER = 2_000_000  # parameters; a preview through it costs little next to a step


class GeneratorRuntime:
    """One set of weights for text-to-image, image-to-image, masked and Canny-controlled work."""

    def __init__(self, model: GeneratorModel, gpu_share: float = 0.0) -> None:
        placed = place(model.placement, gpu_share)
        self.device, self.dtype = placed.device, placed.dtype
        disable_progress_bar()
        set_verbosity_error()  # it would log the part of a prompt that is cut off after 77 tokens
        controlnet = ControlNetModel.from_pretrained(
            model.controlnet,
            revision=model.controlnet_revision,
            dtype=self.dtype,
            variant=model.variant,
            use_safetensors=True,
        )
        self._pipeline = StableDiffusionControlNetPipeline.from_pretrained(
            model.path,
            revision=model.revision,
            controlnet=controlnet,
            dtype=self.dtype,
            variant=model.variant,
            use_safetensors=True,
            safety_checker=None,
            requires_safety_checker=False,
        ).to(self.device)
        require_passed("generator", model, model.sources, placed)
        self._unet, self._vae = self._pipeline.unet, self._pipeline.vae
        if self._unet.config.time_cond_proj_dim is not None:
            raise ValueError(f"{model.path}: a UNet that takes guidance as input is not supported")
        latents, taken = self._vae.config.latent_channels, self._unet.config.in_channels
        if taken not in (latents, 2 * latents + 1):
            raise ValueError(f"{model.path}: a UNet of {taken} input channels is not supported")
        self.inpaints = taken > latents
        # Edges stay the same from step to step, so they are embedded once and not by each step.
        self._edge_embedding = controlnet.controlnet_cond_embedding
        controlnet.controlnet_cond_embedding = nn.Identity()
        self.predict = Denoiser(self._unet, controlnet, model.backend)
        self._decode = decoder(self._vae, model.backend)
        self.noise_schedule: Mapping[str, Any] = dict(self._pipeline.scheduler.config)
        self._prompts: OrderedDict[str, torch.Tensor] = OrderedDict()
        self._to_rgb = None if self._decoder_is_tiny() else self._fitted_to_rgb()

    def latent_shape(self, width: int, height: int) -> tuple[int, int, int]:
        """Channels, height and width of the latents of an image of this size in pixels."""
        scale = self._pipeline.vae_scale_factor
        return self._vae.config.latent_channels, height // scale, width // scale

    @torch.inference_mode()
    def encode_prompts(self, prompts: Sequence[str]) -> list[torch.Tensor]:
        """An embedding [1, tokens, features] for each prompt; the most recently used are cached."""
        missing = list(dict.fromkeys(p for p in prompts if p not in self._prompts))
        if missing:
            embedded, _ = self._pipeline.encode_prompt(missing, self.device, 1, False)
            self._prompts.update(zip(missing, embedded.split(1), strict=True))
        found = [self._prompts[prompt] for prompt in prompts]
        for prompt in prompts:
            self._prompts.move_to_end(prompt)
        while len(self._prompts) > CACHED_PROMPTS:
            self._prompts.popitem(last=False)
        return found

    def count_tokens(self, text: str) -> int:
        """How many tokens of a prompt the text encoder reads, the two that frame it left out."""
        tokenizer = self._pipeline.tokenizer
        ids = tokenizer(text, truncation=True, max_length=tokenizer.model_max_length).input_ids
        return max(0, len(ids) - 2)

    @torch.inference_mode()
    def encode_image(
        self, image: Pixels, generator: torch.Generator, covered: Covered | None = None
    ) -> torch.Tensor:
        """Latents [1, channels, height, width] of a uint8 RGB picture, sampled with `generator`.

        The picture is grey where it is covered: bool [height, width].
        """
        pixels = self._pixels(image)
        if covered is not None:
            pixels = pixels.masked_fill(torch.tensor(covered, device=self.device), 0)
        drawn = self._vae.encode(pixels).latent_dist.sample(generator)
        return drawn * self._vae.config.scaling_factor

    @torch.inference_mode()
    def embed_edges(self, edges: Sequence[Pixels]) -> list[torch.Tensor]:
        """The control branch's embedding of each edge map, uint8 [height, width]."""
        embedded = []
        for edge_map in edges:
            map_ = torch.tensor(edge_map).to(self.device, self.dtype) / 255
            embedded.append(self._edge_embedding(map_.expand(1, 3, -1, -1)))
        return embedded

    @torch.inference_mode()
    def decode(self, latents: Sequence[torch.Tensor]) -> list[Pixels]:
        """Images, uint8 RGB [height, width, 3], of latents of one shape.

        Raises StageFailed where one of them is not a number.
        """
        scaled = torch.cat(list(latents)) / self._vae.config.scaling_factor
        return _to_uint8(self._decode(scaled)[0] / 2 + 0.5)

    @torch.inference_mode()
    def preview(self, latents: Sequence[torch.Tensor]) -> list[Pixels]:
        """A cheap approximation of `decode`, at the same size.

        By a linear map from latents to RGB, fitted to this model's VAE; by the VAE itself if it is
        tiny.
        """
        if self._to_rgb is None:
            return self.decode(latents)
        stacked = torch.cat(list(latents)).float()
        ones = torch.ones_like(stacked[:, :1])
        colors = torch.einsum("nchw,cd->ndhw", torch.cat([stacked, ones], 1), self._to_rgb)
        scale = self._pipeline.vae_scale_factor
        return _to_uint8(nn.functional.interpolate(colors, scale_factor=scale, mode="bilinear"))

    def _decoder_is_tiny(self) -> bool:
        return sum(parameter.numel() for parameter in self._vae.decoder.parameters()) < TINY_DECODER

    @torch.inference_mode()
    def _fitted_to_rgb(self) -> torch.Tensor:
        """Least squares from latents to colours in 0 to 1 on smooth pictures, [channels + 1, 3]."""
        rng = np.random.default_rng(0)
        scale = self._pipeline.vae_scale_factor
        colors = torch.from_numpy(rng.uniform(-0.3, 1.3, (4, 3, 8, 8)).clip(0, 1)).float()
        pictures = nn.functional.interpolate(colors, scale_factor=4 * scale, mode="bilinear")
        encoded = self._vae.encode((2 * pictures - 1).to(self.device, self.dtype)).latent_dist.mean
        latents = (encoded * self._vae.config.scaling_factor).float().cpu()
        wanted = nn.functional.avg_pool2d(pictures, scale)
        rows = latents.permute(0, 2, 3, 1).reshape(-1, latents.shape[1])
        design = torch.cat([rows, torch.ones(len(rows), 1)], 1)
        fit = torch.linalg.lstsq(design, wanted.permute(0, 2, 3, 1).reshape(-1, 3))
        return fit.solution.to(self.device)

    def _pixels(self, image: Pixels) -> torch.Tensor:
        """float [1, 3, height, width] in -1 to 1, as the VAE takes it."""
        unit = (
            torch.tensor(image)[None].permute(0, 3, 1, 2).float() / 255
        )  # strides as in diffusers
        return (2 * unit - 1).to(self.device, self.dtype)


def _to_uint8(images: torch.Tensor) -> list[Pixels]:
    scaled = (images.float().clamp(0, 1) * 255).round().to(torch.uint8)
    # Asked here and not step by step, as the host waits for the device here anyway.
    finite = images.isfinite().all()
    pixels = list(scaled.permute(0, 2, 3, 1).cpu().numpy())
    if not finite:
        raise StageFailed("the image is not a number")
    return pixels
