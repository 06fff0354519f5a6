"""Swin2SR super-resolution (Conde et al. 2022), one model for each factor."""

import numpy as np
import torch
from transformers import AutoImageProcessor, Swin2SRForImageSuperResolution

from serve_app.config import UpscalerModel
from serve_app.messages import Pixels
from serve_app.runtimes.placement import place


class UpscalerRuntime:
    """Enlarges images of any size by 2 or 4, as far as a model of that factor is configured."""

    def __init__(self, model: UpscalerModel, gpu_share: float = 0.0) -> None:
        placed = place(model.placement, gpu_share)
        self.device, self.dtype = placed.device, placed.dtype
        self._models, self._processors = {}, {}
        for scale, path in ((2, model.x2), (4, model.x4)):
            if path is None:
                continue
            network: torch.nn.Module = Swin2SRForImageSuperResolution.from_pretrained(
                path, dtype=self.dtype, use_safetensors=True
            )
            self._models[scale] = network.to(self.device).eval()
            self._processors[scale] = AutoImageProcessor.from_pretrained(path, backend="pil")

    @property
    def scales(self) -> list[int]:
        return sorted(self._models)

    def upscale(self, images: list[Pixels], scale: int) -> list[Pixels]:
        """Enlarge uint8 RGB images [height, width, 3] of one shape to [scale * h, scale * w, 3]."""
        height, width = images[0].shape[:2]
        processor = self._processors[scale]
        inputs = processor(
            images=images, input_data_format="channels_last", return_tensors="pt"
        ).pixel_values
        with torch.inference_mode():
            output = self._models[scale](inputs.to(self.device, self.dtype)).reconstruction
        # The processor pads to whole windows at the right and the bottom.
        output = output[..., : height * scale, : width * scale].float().clamp(0, 1).cpu()
        pixels = (output * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        return [np.ascontiguousarray(image) for image in pixels]

    def warm_up(self) -> None:
        """Run each factor once, so that no client pays for first-call allocation."""
        for scale in self.scales:
            self.upscale([np.zeros((64, 64, 3), np.uint8)], scale)
