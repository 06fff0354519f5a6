"""The trained demo models behind plain calls, for the evaluation: here, or through the service."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from demo.architectures import IMAGE_SIZE
from demo.control import canny
from demo.export import WEIGHTS
from serve_app.client import Client
from serve_app.denoise.engine import Engine
from serve_app.denoise.offline import denoise
from serve_app.denoise.trajectory import Work
from serve_app.imaging import codec
from serve_app.imaging.canvas import canvas_of
from serve_app.messages import GenerationRequest
from serve_app.model_config import CaptionerModel, ClassifierModel, GeneratorModel, UpscalerModel
from serve_app.runtimes.captioner import CaptionerRuntime
from serve_app.runtimes.classifier import ClassifierRuntime
from serve_app.runtimes.generator import GeneratorRuntime
from serve_app.runtimes.upscaler import UpscalerRuntime

STEPS = 15
GUIDANCE = 3.0
GUIDANCE_END = 0.4


class Generator:
    """The step-level engine, as the service runs it, at the demo's default settings."""

    def __init__(self, weights: Path = WEIGHTS):
        folders = {"path": weights / "generator", "controlnet": weights / "controlnet"}
        paths = {name: str(folder) for name, folder in folders.items()}
        self._runtime = GeneratorRuntime(GeneratorModel(name="demo", **paths))

    def draw(self, prompt: str, seed: int, control: np.ndarray | None = None) -> np.ndarray:
        """An image uint8 [128, 128, 3] along the edges of control, a picture uint8 [h, w, 3]."""
        return self.draw_all([self.work_of(prompt, seed, control)])[0]

    def draw_all(self, works: list[Work]) -> list[np.ndarray]:
        """An image of each work, up to eight at a time."""
        latents = denoise(Engine(self._runtime, 8), works)
        return [self._runtime.decode([each])[0] for each in latents]

    def edit(
        self,
        prompt: str,
        seed: int,
        image: np.ndarray,
        mask: np.ndarray,
        control: np.ndarray | None = None,
    ) -> np.ndarray:
        """The image uint8 [n, n, 3], made anew where the mask uint8 [n, n] is 255."""
        work = self.work_of(prompt, seed, control)
        request = replace(work.request, image=codec.encode(image), mask_image=codec.encode(mask))
        canvas = canvas_of(request, image.size)
        return canvas.finished(
            self.draw_all([Work(request, work.edges, canvas.image, canvas.mask)])[0]
        )

    @staticmethod
    def work_of(prompt: str, seed: int, control: np.ndarray | None = None) -> Work:
        """What `draw` hands to the engine."""
        request = GenerationRequest(
            prompt=prompt,
            negative_prompt="",
            seed=seed,
            width=IMAGE_SIZE,
            height=IMAGE_SIZE,
            num_inference_steps=STEPS,
            sampler="ddim",
            guidance_scale=GUIDANCE,
            guidance_end=1.0 if control is None else GUIDANCE_END,
            latent_clamp=True,
            controlnet_conditioning_scale=1.0,
            strength=1.0,
        )
        return Work(request, None if control is None else canny(resize(control, IMAGE_SIZE)))


class RemoteGenerator:
    """The same call over HTTP, `POST /v1/images/generations`."""

    def __init__(self, url: str):
        self._client = Client(url)

    def draw(self, prompt: str, seed: int, control: np.ndarray | None = None) -> np.ndarray:
        """As `Generator.draw`, at the service's own defaults."""
        picture = None if control is None else codec.encode(control)
        made = self._client.generate(prompt, picture, seed=seed)
        return _decoded(made.image.data)

    def edit(
        self,
        prompt: str,
        seed: int,
        image: np.ndarray,
        mask: np.ndarray,
        control: np.ndarray | None = None,
    ) -> np.ndarray:
        """As `Generator.edit`, at the service's own defaults."""
        picture = None if control is None else codec.encode(control)
        made = self._client.edit(
            codec.encode(image),
            prompt,
            mask_image=codec.encode(mask),
            control_image=picture,
            seed=seed,
        )
        return _decoded(made.image.data)


class Captioner:
    """GIT, as the service runs it."""

    def __init__(self, weights: Path = WEIGHTS):
        self._runtime = CaptionerRuntime(CaptionerModel(path=str(weights / "captioner")))

    def describe(self, image: np.ndarray) -> str:
        """A caption of uint8 [h, w, 3]."""
        return self._runtime.caption(self._runtime.preprocess([image]))[0]


class Upscaler:
    """Swin2SR, as the service runs it."""

    def __init__(self, scale: int, weights: Path = WEIGHTS):
        self.scale = scale
        folder = {f"x{scale}": str(weights / f"upscaler-x{scale}")}
        self._runtime = UpscalerRuntime(UpscalerModel.model_validate(folder))

    def enlarge(self, image: np.ndarray) -> np.ndarray:
        """uint8 [h, w, 3] to uint8 [h * scale, w * scale, 3]."""
        return self._runtime.upscale([image], self.scale)[0]


class Classifier:
    """ViT, as the service runs it."""

    def __init__(self, weights: Path = WEIGHTS):
        self._runtime = ClassifierRuntime(ClassifierModel(path=str(weights / "classifier")))

    def label(self, image: np.ndarray) -> str:
        """The kind of the single shape in uint8 [h, w, 3]."""
        probabilities = self._runtime.classify(self._runtime.preprocess([image]))
        return self._runtime.labels[int(probabilities[0].argmax())]


def _decoded(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def resize(image: np.ndarray, size: int) -> np.ndarray:
    """uint8 [h, w, 3] to uint8 [size, size, 3], averaging where it shrinks."""
    return np.asarray(Image.fromarray(image).resize((size, size), Image.Resampling.BICUBIC))
