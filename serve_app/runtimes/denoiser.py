"""The networks of a denoising step, UNet and control branch, and the decoder, run by a backend."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from serve_app.model_config import Backend
from serve_app.runtimes.attention import PaddedText
from serve_app.runtimes.backends import Run, run_by

_TOKENS = 77  # of CLIP's texts
# Odd, so that the converted graph also upsamples correctly to sides that did not halve evenly.
_SIDES = (17, 23)


class ControlBranch(nn.Module):
    """A ControlNet with only tensors in and out; returns its residuals, the middle block's last."""

    def __init__(self, controlnet: Any) -> None:
        super().__init__()
        self.controlnet = controlnet

    def forward(
        self,
        sample: torch.Tensor,
        timesteps: torch.Tensor,
        text: torch.Tensor,
        control: torch.Tensor,
        scale: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        """`control` are embedded edges; `scale` is [n, 1, 1, 1]."""
        down, middle = self.controlnet(
            sample,
            timesteps,
            encoder_hidden_states=text,
            controlnet_cond=control,
            conditioning_scale=scale,
            return_dict=False,
        )
        return (*down, middle)


class Prediction(nn.Module):
    """A UNet as a function of tensors alone, with the control branch's residuals or without."""

    def __init__(self, unet: Any) -> None:
        super().__init__()
        self.unet = unet

    def forward(
        self,
        sample: torch.Tensor,
        timesteps: torch.Tensor,
        text: torch.Tensor,
        *residuals: torch.Tensor,
    ) -> tuple[torch.Tensor]:
        added: dict[str, Any] = {}
        if residuals:
            *down, middle = residuals
            added = {
                "down_block_additional_residuals": down,
                "mid_block_additional_residual": middle,
            }
        predicted = self.unet(
            sample, timesteps, encoder_hidden_states=text, return_dict=False, **added
        )
        return (predicted[0],)


class Decoding(nn.Module):
    """A VAE's decoder as a function of tensors alone."""

    def __init__(self, vae: Any) -> None:
        super().__init__()
        self.vae = vae

    def forward(self, latents: torch.Tensor) -> tuple[torch.Tensor]:
        decoded: tuple[torch.Tensor] = self.vae.decode(latents, return_dict=False)
        return decoded


class Denoiser:
    """UNet and ControlNet over the lanes of a batch.

    `controlnet` takes edges that are embedded already. Raises ValueError where the backend cannot
    run here.
    """

    def __init__(self, unet: Any, controlnet: Any, backend: Backend = "eager") -> None:
        if unet.device.type == "cpu":
            unet.set_attn_processor(PaddedText())
            controlnet.set_attn_processor(PaddedText())
        branch, prediction = ControlBranch(controlnet).eval(), Prediction(unet).eval()
        # Where building a graph is slow, one UNet graph serves all lanes: unconditioned ones get
        # zero residuals.
        self._branch: Run = branch
        self._predict: Run = prediction
        self._always_adds = backend != "eager"
        # A UNet for inpainting takes more channels than latents have, its control branch does not.
        self._latents = controlnet.config.in_channels
        self._width = controlnet.config.block_out_channels[0]
        self._empty: dict[torch.Size, list[torch.Tensor]] = {}
        if backend == "eager":
            return
        lanes = _example(unet, 2, *_SIDES)
        front = [self._of_latents(lanes[0]), *lanes[1:]]
        control = [self._edges(lanes[0]), lanes[0].new_ones(2, 1, 1, 1)]
        with torch.no_grad():
            residuals = branch(*front, *control)
        images, lane = [0, 2, 3], [0]
        self._branch = run_by(
            backend, branch, [*front, *control], [images, lane, lane, images, lane]
        )
        self._predict = run_by(
            backend,
            prediction,
            [*lanes, *residuals],
            [images, lane, lane, *[images] * len(residuals)],
        )

    @torch.inference_mode()
    def __call__(
        self,
        sample: torch.Tensor,
        timesteps: torch.Tensor,
        text: torch.Tensor,
        control: torch.Tensor | None,
        control_scale: torch.Tensor | None,
    ) -> torch.Tensor:
        """The networks' output [n, channels, height, width] for n lanes: of latents, and for a UNet
        for inpainting of mask and masked picture after them.

        `control` are embedded edges of the first lanes, as many as it has; `control_scale` is
        [m, 1, 1, 1]. The other lanes run without the control branch.
        """
        residuals: Sequence[torch.Tensor] = ()
        if control is not None:
            conditioned = len(control)
            latents = self._of_latents(sample[:conditioned])
            front = latents, timesteps[:conditioned], text[:conditioned]
            residuals = self._branch(*front, control, control_scale)
        elif self._always_adds:
            residuals = self._no_residuals(sample, timesteps, text)
        filled = [_filled(each, len(sample)) for each in residuals]
        predicted: torch.Tensor = self._predict(sample, timesteps, text, *filled)[0]
        return predicted

    def _no_residuals(
        self, sample: torch.Tensor, timesteps: torch.Tensor, text: torch.Tensor
    ) -> list[torch.Tensor]:
        """Empty residuals (a batch of 0) for latents of this size."""
        size = sample.shape[2:]
        if size not in self._empty:
            one = self._of_latents(sample[:1])
            front = one, timesteps[:1], text[:1]
            made = self._branch(*front, self._edges(one), one.new_ones(1, 1, 1, 1))
            self._empty[size] = [each.new_empty(0, *each.shape[1:]) for each in made]
        return self._empty[size]

    def _of_latents(self, sample: torch.Tensor) -> torch.Tensor:
        return sample[:, : self._latents].contiguous()

    def _edges(self, sample: torch.Tensor) -> torch.Tensor:
        return sample.new_zeros(len(sample), self._width, *sample.shape[2:])


def decoder(vae: Any, backend: Backend) -> Run:
    """The VAE's decoder as a call: unscaled latents [n, channels, height, width] to a sequence of
    one tensor, images in -1 to 1."""
    latents = torch.zeros(
        2, vae.config.latent_channels, *_SIDES, device=vae.device, dtype=vae.dtype
    )
    return run_by(backend, Decoding(vae).eval(), [latents], [[0, 2, 3]])


def _example(unet: Any, lanes: int, height: int, width: int) -> list[torch.Tensor]:
    """Sample, timesteps and text as `Denoiser` takes them."""
    made = {"device": unet.device, "dtype": unet.dtype}
    return [
        torch.zeros(lanes, unet.config.in_channels, height, width, **made),
        torch.zeros(lanes, device=unet.device),
        torch.zeros(lanes, _TOKENS, unet.config.cross_attention_dim, **made),
    ]


def _filled(residual: torch.Tensor, lanes: int) -> torch.Tensor:
    """Residuals padded with zeros for the lanes that are not ControlNet-conditioned."""
    if len(residual) == lanes:
        return residual
    return torch.cat([residual, residual.new_zeros(lanes - len(residual), *residual.shape[1:])])
