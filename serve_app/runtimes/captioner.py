"""GIT image captioning (Wang et al. 2022)."""

from typing import Any

import numpy as np
import torch
from transformers import AutoImageProcessor, AutoTokenizer, GitForCausalLM

from serve_app.config import CaptionerModel
from serve_app.messages import Pixels
from serve_app.runtimes.placement import place


class CaptionerRuntime:
    """Says what is in an image."""

    def __init__(self, model: CaptionerModel, gpu_share: float = 0.0) -> None:
        placed = place(model.placement, gpu_share)
        self.device, self.dtype = placed.device, placed.dtype
        self._max_new_tokens = model.max_new_tokens
        self._processor = AutoImageProcessor.from_pretrained(model.path, backend="pil")
        self._tokenizer = AutoTokenizer.from_pretrained(model.path)
        network: Any = GitForCausalLM.from_pretrained(
            model.path, dtype=self.dtype, use_safetensors=True
        )
        self._model = network.to(self.device).eval()

    def caption(self, images: list[Pixels]) -> list[str]:
        """Caption uint8 RGB images [height, width, 3] of any sizes, greedily."""
        inputs = self._processor(
            images=images, input_data_format="channels_last", return_tensors="pt"
        ).pixel_values
        with torch.inference_mode():
            tokens = self._model.generate(
                pixel_values=inputs.to(self.device, self.dtype),
                max_new_tokens=self._max_new_tokens,
                num_beams=1,
                do_sample=False,
            )
        texts = self._tokenizer.batch_decode(tokens, skip_special_tokens=True)
        return [text.strip() for text in texts]

    def warm_up(self) -> None:
        """Caption one blank image, so that no client pays for first-call allocation."""
        self.caption([np.zeros((64, 64, 3), np.uint8)])
