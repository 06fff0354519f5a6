"""ViT image classification (Dosovitskiy et al. 2020)."""

from collections import Counter
from typing import Any

import numpy as np
import torch
from transformers import AutoImageProcessor, ViTForImageClassification

from serve_app.messages import Floats, Pixels
from serve_app.model_config import ClassifierModel
from serve_app.runtimes.placement import place


class ClassifierRuntime:
    """Tells which of its classes an image shows.

    `labels` are unique and in the order of the classes; `input_shape` is [3, height, width].
    `network` gives logits, [n, classes], for inputs on `device` in `dtype`; `processor` is its
    image processor.
    """

    def __init__(self, model: ClassifierModel, gpu_share: float = 0.0) -> None:
        placed = place(model.placement, gpu_share)
        self.device, self.dtype = placed.device, placed.dtype
        self.processor = AutoImageProcessor.from_pretrained(
            model.path, backend="pil", revision=model.revision
        )
        network: Any = ViTForImageClassification.from_pretrained(
            model.path, dtype=self.dtype, use_safetensors=True, revision=model.revision
        )
        self.network = network.to(self.device).eval()
        self.labels = unique_names(network.config.id2label)
        self.input_shape = self.preprocess([_BLANK]).shape[1:]

    def preprocess(self, images: list[Pixels]) -> Floats:
        """uint8 RGB images [h, w, 3] of any sizes to the model's input, float32 [n, 3, H, W]."""
        inputs = self.processor(
            images=images, input_data_format="channels_last", return_tensors="np"
        )
        return inputs.pixel_values.astype(np.float32, copy=False)

    def classify(self, pixel_values: Floats) -> Floats:
        """float32 [n, *input_shape] to probabilities, float32 [n, classes], each row's sum 1."""
        with torch.inference_mode():
            inputs = torch.from_numpy(pixel_values).to(self.device, self.dtype)
            logits = self.network(pixel_values=inputs).logits
            return logits.float().softmax(-1).cpu().numpy()

    def warm_up(self) -> None:
        """Classify one blank image, so that no client pays for first-call allocation."""
        self.classify(self.preprocess([_BLANK]))


_BLANK = np.zeros((64, 64, 3), np.uint8)


def unique_names(names: dict[int, str]) -> tuple[str, ...]:
    """Append the class's index to a name that several classes share, such as ImageNet's two
    `crane`s."""
    count = Counter(names.values())
    ordered = [names[index] for index in range(len(names))]
    return tuple(
        f"{name} ({index})" if count[name] > 1 else name for index, name in enumerate(ordered)
    )
