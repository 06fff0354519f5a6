"""GIT image captioning (Wang et al. 2022)."""

from typing import Any

import numpy as np
import torch
from transformers import AutoImageProcessor, AutoTokenizer, GitForCausalLM

from serve_app.messages import Floats, Pixels
from serve_app.model_config import CaptionerModel
from serve_app.runtimes import git_decoding
from serve_app.runtimes.backends import run_by
from serve_app.runtimes.placement import place
from serve_app.runtimes.verdicts import require_passed


class CaptionerRuntime:
    """Says what is in an image.

    `side` is the model's input size in pixels, which is square.
    """

    def __init__(self, model: CaptionerModel, gpu_share: float = 0.0) -> None:
        placed = place(model.placement, gpu_share)
        self.device, self.dtype = placed.device, placed.dtype
        self._max_new_tokens = model.max_new_tokens
        self._processor = AutoImageProcessor.from_pretrained(
            model.path, backend="pil", revision=model.revision
        )
        self._tokenizer = AutoTokenizer.from_pretrained(model.path, revision=model.revision)
        network: Any = GitForCausalLM.from_pretrained(
            model.path, dtype=self.dtype, use_safetensors=True, revision=model.revision
        )
        self._model = network.to(self.device).eval()
        self.side: int = network.config.vision_config.image_size
        require_passed("captioner", model, model.sources, placed)
        # The eager backend uses transformers' own `generate`.
        self._decode = None if model.backend == "eager" else _decoding(network, model)

    def preprocess(self, images: list[Pixels]) -> Floats:
        """uint8 RGB images [h, w, 3] of any sizes to the model's input, float32 [n, 3, H, W]."""
        inputs = self._processor(
            images=images, input_data_format="channels_last", return_tensors="np"
        )
        return inputs.pixel_values.astype(np.float32, copy=False)

    def caption(self, pixel_values: Floats) -> list[str]:
        """Captions of preprocessed images, by greedy decoding."""
        with torch.inference_mode():
            tokens = self._tokens(torch.from_numpy(pixel_values).to(self.device, self.dtype))
        texts = self._tokenizer.batch_decode(tokens, skip_special_tokens=True)
        return [text.strip() for text in texts]

    def _tokens(self, pixel_values: torch.Tensor) -> torch.Tensor:
        if self._decode is not None:
            return self._decode(pixel_values)
        tokens: torch.Tensor = self._model.generate(
            pixel_values=pixel_values,
            max_new_tokens=self._max_new_tokens,
            num_beams=1,
            do_sample=False,
        )
        return tokens

    def warm_up(self) -> None:
        """Caption one blank image, so that no client pays for first-call allocation."""
        self.caption(self.preprocess([np.zeros((64, 64, 3), np.uint8)]))


def _decoding(network: Any, model: CaptionerModel) -> git_decoding.GreedyDecoding:
    """Greedy decoding by a backend other than eager."""
    encode = git_decoding.ImageEncoding(network).eval()
    word = git_decoding.NextWord(network).eval()
    side = network.config.vision_config.image_size
    pixels = torch.zeros(2, 3, side, side, device=network.device, dtype=network.dtype)
    with torch.no_grad():
        image = encode(pixels)
    words = torch.zeros(2, dtype=torch.int64, device=network.device)
    text = (words, words[:1], *image, *(each[..., :3, :] for each in image))
    return git_decoding.GreedyDecoding(
        run_by(model.backend, encode, [pixels], [[0]]),
        run_by(model.backend, word, text, [[0], [], *[[0]] * len(image), *[[0, 2]] * len(image)]),
        network.config,
        model.max_new_tokens,
    )
