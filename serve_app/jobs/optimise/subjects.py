"""The models to be optimised, on held-out scenes of the demo's world; each in its own process.

A subject makes things: `make(size)` a batch of them, for the clock, `outputs(count)` those that its
quality is judged by, and `batch_difference()` how much they depend on the rest of the batch.
Runtimes are imported by whom they concern, so that the memory measured is each one's own.
"""

from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from demo.control import canny
from demo.heldout import held_out_scenes
from demo.shapes import Scene, caption, render
from demo.train_upscaler import shrink
from serve_app.config import AppArgs, Defaults
from serve_app.messages import Pixels
from serve_app.model_config import CaptionerModel, GeneratorModel, UpscalerModel

BATCH = 8
SIDE = 128


def scenes_of(kind: str, count: int) -> list[Scene]:
    """Held-out scenes, the same in every run."""
    return list(held_out_scenes(count, f"optimise_{kind}"))


class Generator:
    """Pictures by their edges, and a quarter as many from text alone."""

    def __init__(self, model: GeneratorModel, defaults: Defaults) -> None:
        from serve_app.runtimes.generator import GeneratorRuntime

        self._defaults, self._runtime = defaults, GeneratorRuntime(model)

    def make(self, size: int) -> None:
        self._draw(self._some[:size])

    def outputs(self, count: int) -> list[Pixels]:
        scenes = scenes_of("generator", count)
        conditioned = [self._work(scene, seed, True) for seed, scene in enumerate(scenes)]
        plain = [self._work(scene, seed, False) for seed, scene in enumerate(scenes[::4])]
        return self._draw(conditioned) + self._draw(plain)

    def batch_difference(self) -> float:
        """The largest difference of a channel in 8 bits between a picture made alone and
        in a batch."""
        together = self._draw(self._some)
        alone = [self._draw([work])[0] for work in self._some[:3]]
        return largest_difference(alone, together[:3])

    @cached_property
    def _some(self) -> list[Any]:
        scenes = scenes_of("generator", BATCH)
        return [self._work(scene, seed, True) for seed, scene in enumerate(scenes)]

    def _draw(self, works: list[Any]) -> list[Pixels]:
        from serve_app.denoise.engine import Engine
        from serve_app.denoise.offline import denoise

        latents = denoise(Engine(self._runtime, BATCH), works)
        return [self._runtime.decode([each])[0] for each in latents]

    def _work(self, scene: Scene, seed: int, conditioned: bool) -> Any:
        from serve_app.denoise.offline import request_of
        from serve_app.denoise.trajectory import Work

        # The demo's world is square.
        side = self._defaults.width
        request = request_of(self._defaults, caption(scene), seed, conditioned=conditioned)
        request = replace(request, width=side, height=side, strength=1.0)
        return Work(request, canny(render(scene, side)) if conditioned else None)


class Captioner:
    """Captions of renders."""

    def __init__(self, model: CaptionerModel, defaults: Defaults) -> None:
        from serve_app.runtimes.captioner import CaptionerRuntime

        self._runtime = CaptionerRuntime(model)
        self._some = self._inputs(BATCH)

    def make(self, size: int) -> None:
        self._runtime.caption(self._some[:size])

    def outputs(self, count: int) -> list[str]:
        inputs = self._inputs(count)
        batches = [inputs[first : first + BATCH] for first in range(0, count, BATCH)]
        return [text for batch in batches for text in self._runtime.caption(batch)]

    def batch_difference(self) -> float:
        """Captions, of five batches, that differ from those made alone."""
        count = 5 * BATCH
        together = self.outputs(count)
        alone = [self._runtime.caption(each[None])[0] for each in self._inputs(count)]
        return float(sum(a != b for a, b in zip(alone, together, strict=True)))

    def _inputs(self, count: int) -> np.ndarray:
        return self._runtime.preprocess([render(scene) for scene in scenes_of("captioner", count)])


class Upscaler:
    """Renders, shrunk and enlarged again by each factor."""

    def __init__(self, model: UpscalerModel, defaults: Defaults) -> None:
        from serve_app.runtimes.upscaler import UpscalerRuntime

        self._runtime = UpscalerRuntime(model)
        self._some = small_renders(self._runtime.scales[0], BATCH)

    def make(self, size: int) -> None:
        self._runtime.upscale(self._some[:size], self._runtime.scales[0])

    def outputs(self, count: int) -> list[tuple[int, Pixels]]:
        return [
            (scale, self._runtime.upscale([image], scale)[0])
            for scale in self._runtime.scales
            for image in small_renders(scale, count)
        ]

    def batch_difference(self) -> float:
        """As the generator's."""
        scale = self._runtime.scales[0]
        together = self._runtime.upscale(self._some, scale)
        alone = [self._runtime.upscale([image], scale)[0] for image in self._some]
        return largest_difference(alone, together)


SUBJECTS: dict[str, Any] = {"captioner": Captioner, "generator": Generator, "upscaler": Upscaler}


def small_renders(scale: int, count: int) -> list[Pixels]:
    """Held-out renders of `SIDE`, shrunk by a factor."""
    return [shrink(render(scene, SIDE), scale, "cubic") for scene in scenes_of("upscaler", count)]


def largest_difference(some: list[Pixels], others: list[Pixels]) -> float:
    pairs = zip(some, others, strict=True)
    return float(max(np.abs(a.astype(int) - b).max() for a, b in pairs))


def model_of(args: AppArgs, kind: str, backend: str, device: str, dtype: str) -> Any:
    """A configured model under a backend, whether proven or not."""
    model = getattr(args.models, kind)
    placement = model.placement.model_copy(update={"device": device, "dtype": dtype})
    chosen = {"backend": backend, "placement": placement, "unproven_backend": True}
    return model.model_copy(update=chosen)
