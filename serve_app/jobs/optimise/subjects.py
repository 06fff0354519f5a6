"""The models to be judged, on pictures and prompts; each in its own process.

A subject makes things: `make(size)` a batch of them, for the clock, `outputs()` those that its
quality is judged by, and `batch_difference()` how much they depend on the rest of the batch. Sizes,
steps and edges are the configuration's defaults.
Runtimes are imported by whom they concern, so that the memory measured is each one's own.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from serve_app.config import AppArgs
from serve_app.imaging.canny import find_edges
from serve_app.imaging.comparison import edge_f1
from serve_app.jobs.optimise.inputs import Inputs
from serve_app.messages import Floats, Pixels
from serve_app.model_config import CaptionerModel, GeneratorModel, UpscalerModel

BATCH = 8
_ALONE = 3  # pictures that the generator makes alone too
_PLAIN = 4  # one in so many is made again without edges


@dataclass(frozen=True)
class Drawn:
    """A picture, its caption by the configured captioner, and how well it keeps to its edges, 0 to
    1."""

    pixels: Pixels
    caption: str
    edge_f1: float | None


class Generator:
    """Pictures by the edges of others and a prompt, and a quarter as many from text alone."""

    def __init__(self, model: GeneratorModel, args: AppArgs, inputs: Inputs) -> None:
        from serve_app.runtimes.generator import GeneratorRuntime

        self._args, self._inputs = args, inputs
        self._runtime = GeneratorRuntime(model)

    def make(self, size: int) -> None:
        self._draw(self._some[:size])

    def outputs(self) -> list[Drawn]:
        conditioned = self._conditioned(len(self._inputs.pictures))
        plain = [
            self._work(seed, prompt, None)
            for seed, prompt in self._inputs.pairs(len(self._inputs.pictures))[::_PLAIN]
        ]
        works = conditioned + plain
        pictures = self._draw(works)
        captions = self._captions(pictures)
        return [
            Drawn(
                picture,
                caption,
                None if work.edges is None else edge_f1(self._edges(picture), work.edges),
            )
            for work, picture, caption in zip(works, pictures, captions, strict=True)
        ]

    def batch_difference(self) -> float:
        """The largest difference of a channel in 8 bits between a picture made alone and
        in a batch."""
        together = self._draw(self._some)
        alone = [self._draw([work])[0] for work in self._some[:_ALONE]]
        return _largest_difference(alone, together[:_ALONE])

    @cached_property
    def _some(self) -> list[Any]:
        return self._conditioned(BATCH)

    def _conditioned(self, count: int) -> list[Any]:
        defaults, limits = self._args.defaults, self._args.limits
        size = defaults.width, defaults.height
        pictures = self._inputs.decoded(count, limits.max_image_pixels, size)
        return [
            self._work(seed, prompt, self._edges(picture))
            for (seed, prompt), picture in zip(self._inputs.pairs(count), pictures, strict=True)
        ]

    def _edges(self, picture: Pixels) -> Pixels:
        defaults = self._args.defaults
        return find_edges(picture, defaults.canny_low_threshold, defaults.canny_high_threshold)

    def _work(self, seed: int, prompt: str, edges: Pixels | None) -> Any:
        from serve_app.denoise.offline import request_of
        from serve_app.denoise.trajectory import Work

        conditioned = edges is not None
        return Work(request_of(self._args.defaults, prompt, seed, conditioned=conditioned), edges)

    def _draw(self, works: list[Any]) -> list[Pixels]:
        from serve_app.denoise.engine import Engine
        from serve_app.denoise.offline import denoise

        latents = denoise(Engine(self._runtime, BATCH), works)
        return [self._runtime.decode([each])[0] for each in latents]

    def _captions(self, pictures: list[Pixels]) -> list[str]:
        """By the captioner run eagerly, whatever it is served with."""
        from serve_app.runtimes.captioner import CaptionerRuntime

        model = self._args.models.captioner.model_copy(update={"backend": "eager"})
        runtime = CaptionerRuntime(model)
        inputs = runtime.preprocess(pictures)
        return [text for batch in _batches(inputs) for text in runtime.caption(batch)]


class Captioner:
    """Captions of pictures."""

    def __init__(self, model: CaptionerModel, args: AppArgs, inputs: Inputs) -> None:
        from serve_app.runtimes.captioner import CaptionerRuntime

        self._limit, self._inputs = args.limits.max_image_pixels, inputs
        self._runtime = CaptionerRuntime(model)
        self._some = self._pixel_values(BATCH)

    def make(self, size: int) -> None:
        self._runtime.caption(self._some[:size])

    def outputs(self) -> list[str]:
        batches = _batches(self._pixel_values(len(self._inputs.pictures)))
        return [text for batch in batches for text in self._runtime.caption(batch)]

    def batch_difference(self) -> float:
        """Captions that differ from those made alone."""
        values = self._pixel_values(max(len(self._inputs.pictures), BATCH))
        together = [text for batch in _batches(values) for text in self._runtime.caption(batch)]
        alone = [self._runtime.caption(each[None])[0] for each in values]
        return float(sum(a != b for a, b in zip(alone, together, strict=True)))

    def _pixel_values(self, count: int) -> Floats:
        pictures = self._inputs.decoded(count, self._limit, least_side=self._runtime.side)
        return np.concatenate([self._runtime.preprocess([picture]) for picture in pictures])


class Upscaler:
    """Pictures of the default size, shrunk by each factor and enlarged again."""

    def __init__(self, model: UpscalerModel, args: AppArgs, inputs: Inputs) -> None:
        from serve_app.runtimes.upscaler import UpscalerRuntime

        self._args, self._inputs = args, inputs
        self._runtime = UpscalerRuntime(model)
        self._some = {scale: self._small(scale, BATCH) for scale in self._runtime.scales}

    def make(self, size: int) -> None:
        scale = self._runtime.scales[0]
        self._runtime.upscale(self._some[scale][:size], scale)

    def outputs(self) -> list[Pixels]:
        return [
            self._runtime.upscale([picture], scale)[0]
            for scale in self._runtime.scales
            for picture in self._small(scale, len(self._inputs.pictures))
        ]

    def batch_difference(self) -> float:
        """As the generator's."""
        return max(
            _largest_difference(
                [self._runtime.upscale([picture], scale)[0] for picture in some],
                self._runtime.upscale(some, scale),
            )
            for scale, some in self._some.items()
        )

    def _small(self, scale: int, count: int) -> list[Pixels]:
        size = self._args.defaults.width // scale, self._args.defaults.height // scale
        return list(self._inputs.decoded(count, self._args.limits.max_image_pixels, size))


SUBJECTS: dict[str, Any] = {"captioner": Captioner, "generator": Generator, "upscaler": Upscaler}
DEPENDS_ON: dict[str, list[str]] = {
    "captioner": [],
    "generator": ["width", "height", "num_inference_steps"],
    "upscaler": ["width", "height"],
}
"""The configuration's defaults that a verdict notes."""


def model_of(args: AppArgs, kind: str, backend: str, device: str, dtype: str) -> Any:
    """A configured model under a backend, whether proven or not."""
    model = getattr(args.models, kind)
    placement = model.placement.model_copy(update={"device": device, "dtype": dtype})
    chosen = {"backend": backend, "placement": placement, "unproven_backend": True}
    return model.model_copy(update=chosen)


def _batches(inputs: Floats) -> list[Floats]:
    return [inputs[first : first + BATCH] for first in range(0, len(inputs), BATCH)]


def _largest_difference(some: list[Pixels], others: list[Pixels]) -> float:
    pairs = zip(some, others, strict=True)
    return float(max(np.abs(a.astype(int) - b).max() for a, b in pairs))
