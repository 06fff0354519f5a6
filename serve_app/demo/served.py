"""The trained demo models behind plain calls, for the evaluation: here, or through the service."""

from __future__ import annotations

import base64
import io
import json
import urllib.request
from pathlib import Path

import numpy as np
import torch
from diffusers import ControlNetModel, StableDiffusionControlNetPipeline, StableDiffusionPipeline
from PIL import Image
from transformers import (
    AutoImageProcessor,
    AutoProcessor,
    GitForCausalLM,
    Swin2SRForImageSuperResolution,
    ViTForImageClassification,
)

from serve_app.demo.control import canny
from serve_app.demo.export import WEIGHTS

STEPS = 15
GUIDANCE = 3.0


class Generator:
    """The pipelines of diffusers, at the demo's default settings."""

    def __init__(self, weights: Path = WEIGHTS):
        self.text_only = StableDiffusionPipeline.from_pretrained(
            weights / "generator", dtype=torch.float32, safety_checker=None
        )
        controlnet = ControlNetModel.from_pretrained(weights / "controlnet", dtype=torch.float32)
        self.controlled = StableDiffusionControlNetPipeline(
            **self.text_only.components, controlnet=controlnet, requires_safety_checker=False
        )
        for pipeline in (self.text_only, self.controlled):
            pipeline.set_progress_bar_config(disable=True)

    def draw(self, prompt: str, seed: int, control: np.ndarray | None = None) -> np.ndarray:
        """An image uint8 [128, 128, 3] along the edges of control, a picture uint8 [h, w, 3]."""
        options = {
            "num_inference_steps": STEPS,
            "guidance_scale": GUIDANCE,
            "generator": torch.Generator().manual_seed(seed),
            "output_type": "np",
        }
        if control is None:
            images = self.text_only(prompt, **options).images
        else:
            edges = Image.fromarray(canny(resize(control, 128))).convert("RGB")
            images = self.controlled(prompt, image=edges, **options).images
        return np.round(images[0] * 255).astype(np.uint8)


class RemoteGenerator:
    """The same call over HTTP, `POST /v1/images/generations`."""

    def __init__(self, url: str):
        self.url = f"{url.rstrip('/')}/v1/images/generations"

    def draw(self, prompt: str, seed: int, control: np.ndarray | None = None) -> np.ndarray:
        """As `Generator.draw`, at the service's own defaults."""
        body: dict[str, object] = {"prompt": prompt, "seed": seed}
        if control is not None:
            png = io.BytesIO()
            Image.fromarray(control).save(png, "PNG")
            body["control_image"] = base64.b64encode(png.getvalue()).decode()
        request = urllib.request.Request(
            self.url, json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=120) as response:
            encoded = json.load(response)["data"][0]["b64_json"]
        return np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded))).convert("RGB"))


class Captioner:
    """GIT with its processor."""

    def __init__(self, weights: Path = WEIGHTS):
        self.processor = AutoProcessor.from_pretrained(weights / "captioner")
        self.model = GitForCausalLM.from_pretrained(
            weights / "captioner", dtype=torch.float32
        ).eval()

    @torch.no_grad()
    def describe(self, image: np.ndarray) -> str:
        """A caption of uint8 [h, w, 3]."""
        pixels = self.processor(images=Image.fromarray(image), return_tensors="pt").pixel_values
        tokens = self.model.generate(pixel_values=pixels)
        return self.processor.batch_decode(tokens, skip_special_tokens=True)[0]


class Upscaler:
    """Swin2SR with its processor."""

    def __init__(self, scale: int, weights: Path = WEIGHTS):
        folder = weights / f"upscaler-x{scale}"
        self.scale = scale
        self.processor = AutoImageProcessor.from_pretrained(folder)
        self.model = Swin2SRForImageSuperResolution.from_pretrained(folder, dtype=torch.float32)
        self.model.eval()

    @torch.no_grad()
    def enlarge(self, image: np.ndarray) -> np.ndarray:
        """uint8 [h, w, 3] to uint8 [h * scale, w * scale, 3], less the processor's padding."""
        pixels = self.processor(images=Image.fromarray(image), return_tensors="pt").pixel_values
        large = self.model(pixels).reconstruction[0].clamp(0, 1).permute(1, 2, 0).numpy()
        height, width = image.shape[0] * self.scale, image.shape[1] * self.scale
        return np.round(large[:height, :width] * 255).astype(np.uint8)


class Classifier:
    """ViT with its processor."""

    def __init__(self, weights: Path = WEIGHTS):
        self.processor = AutoImageProcessor.from_pretrained(weights / "classifier")
        self.model = ViTForImageClassification.from_pretrained(
            weights / "classifier", dtype=torch.float32
        ).eval()

    @torch.no_grad()
    def label(self, image: np.ndarray) -> str:
        """The kind of the single shape in uint8 [h, w, 3]."""
        inputs = self.processor(images=Image.fromarray(image), return_tensors="pt")
        return self.model.config.id2label[int(self.model(**inputs).logits.argmax())]


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """uint8 [h, w, 3] to uint8 [size, size, 3], averaging where it shrinks."""
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC))
