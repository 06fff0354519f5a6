"""Masked edits in latents, as diffusers' inpaint pipelines make them.

A UNet for text to image knows no masks: after each step what the mask leaves alone is replaced by
the picture, noised as far as the step left the rest. A UNet for inpainting is shown the mask and
the picture without what it covers, beside the latents.
"""

from dataclasses import dataclass

import numpy as np
import torch

from serve_app.denoise.sampler import Sampler
from serve_app.errors import InvalidRequest
from serve_app.messages import Pixels

COVERED = 128
"""A mask is made anew from this value on, and kept below it."""


@dataclass(frozen=True)
class Kept:
    """What stays of a picture: `mask` [1, 1, height, width] is 1 where it is made anew, and 0 where
    it stays; `picture` and the `noise` that the trajectory began with are its latents."""

    mask: torch.Tensor
    picture: torch.Tensor
    noise: torch.Tensor

    def laid_over(self, latents: torch.Tensor, sampler: Sampler) -> torch.Tensor:
        """Latents between two steps, or finished ones, with the picture where it stays."""
        return self._blend(latents, sampler.noised_again(self.picture, self.noise))

    def in_expected(self, expected: torch.Tensor) -> torch.Tensor:
        """As `laid_over`, of the finished latents that a step expects."""
        return self._blend(expected, self.picture)

    def _blend(self, latents: torch.Tensor, picture: torch.Tensor) -> torch.Tensor:
        return (1 - self.mask) * picture + self.mask * latents


def everything(width: int, height: int) -> Pixels:
    """The mask of a picture that is made anew as a whole."""
    return np.full((height, width), 255, np.uint8)


def latent_mask(mask: Pixels, like: torch.Tensor) -> torch.Tensor:
    """A mask, uint8 [height, width], at the size of latents `like`: 0 or 1, [1, 1, height, width].

    Of each square of pixels that becomes one latent, the first pixel decides. Raises InvalidRequest
    where none is covered.
    """
    covered = torch.tensor(mask >= COVERED, dtype=torch.float32)[None, None]
    sized = torch.nn.functional.interpolate(covered, size=like.shape[2:])
    if not sized.any():
        message = (
            "the mask covers too little at the size that the model works at, and nothing would "
            "change: widen it, blur it less, or send padding_mask_crop"
        )
        raise InvalidRequest(message).about("mask")
    return sized.to(like.device, like.dtype)
