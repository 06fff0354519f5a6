"""Swin2SR super-resolution (Conde et al. 2022), one model for each factor."""

import numpy as np
import torch
from torch import nn
from transformers import AutoImageProcessor, Swin2SRForImageSuperResolution

from serve_app.messages import Pixels
from serve_app.model_config import UpscalerModel
from serve_app.runtimes.backends import run_by
from serve_app.runtimes.placement import place
from serve_app.runtimes.verdicts import require_passed


class Enlargement(nn.Module):
    """Swin2SR with only tensors in and out: float [n, 3, h, w], sides a multiple of the window,
    upscaled."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor]:
        return (self.network(pixels).reconstruction,)


class UpscalerRuntime:
    """Upscales images of any size by 2 or 4, if a model of that factor is configured."""

    def __init__(self, model: UpscalerModel, gpu_share: float = 0.0) -> None:
        placed = place(model.placement, gpu_share)
        self.device, self.dtype = placed.device, placed.dtype
        networks, self._processors = {}, {}
        for scale, (path, revision, _) in model.by_scale.items():
            network: nn.Module = Swin2SRForImageSuperResolution.from_pretrained(
                path, revision=revision, dtype=self.dtype, use_safetensors=True
            )
            networks[scale] = Enlargement(network.to(self.device).eval())
            self._processors[scale] = AutoImageProcessor.from_pretrained(
                path, revision=revision, backend="pil"
            )
        require_passed("upscaler", model, model.sources, placed)
        example = torch.zeros(2, 3, 24, 40, device=self.device, dtype=self.dtype)
        self._networks = {
            scale: run_by(model.backend, network, [example], [[0, 2, 3]])
            for scale, network in networks.items()
        }

    @property
    def scales(self) -> list[int]:
        return sorted(self._networks)

    def upscale(self, images: list[Pixels], scale: int) -> list[Pixels]:
        """Enlarge uint8 RGB images [height, width, 3] of one shape to [scale * h, scale * w, 3]."""
        height, width = images[0].shape[:2]
        processor = self._processors[scale]
        inputs = processor(
            images=images, input_data_format="channels_last", return_tensors="pt"
        ).pixel_values
        with torch.inference_mode():
            (output,) = self._networks[scale](inputs.to(self.device, self.dtype))
        # The processor pads to whole windows at the right and the bottom.
        output = output[..., : height * scale, : width * scale].float().clamp(0, 1).cpu()
        pixels = (output * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        return [np.ascontiguousarray(image) for image in pixels]

    def warm_up(self) -> None:
        """Run each factor once, so that no client pays for first-call allocation."""
        for scale in self.scales:
            self.upscale([np.zeros((64, 64, 3), np.uint8)], scale)
