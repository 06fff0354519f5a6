"""What an actor does for a table: a caption or a class for an image, in batches.

As the service's captioner and classifier: images are decoded and preprocessed in threads, while the
previous batch runs. Torch loads in the actors alone.
"""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np

from serve_app.config import Limits
from serve_app.imaging import codec
from serve_app.jobs.folders.places import Place
from serve_app.jobs.folders.records import Record, digest
from serve_app.jobs.folders.worker import Row
from serve_app.messages import Floats
from serve_app.model_config import CaptionerModel, ClassifierModel

if TYPE_CHECKING:
    from serve_app.jobs.folders.batches import Batches

_THREADS = 2


class _Preprocessing:
    """Reads images as a model's input. `settings` has `model`, `limits` and `batch_size`."""

    def __init__(self, settings: Mapping[str, Any], preprocess: Any, side: int) -> None:
        self._limits = Limits.model_validate(settings["limits"])
        self._preprocess, self._side = preprocess, side
        self._threads = ThreadPoolExecutor(_THREADS)

    async def __call__(self, row: Row) -> tuple[str, Floats]:
        """The SHA-256 of the file, and float32 [3, height, width]."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, row)

    def _read(self, row: Row) -> tuple[str, Floats]:
        data = Place(row["image"]).read()
        pixels = codec.decode(data, self._limits.max_image_pixels, least_side=self._side)
        return digest(data), self._preprocess([pixels])[0]


class Captioning:
    """Says what is in an image."""

    def __init__(self, settings: Mapping[str, Any], gpu_share: float) -> None:
        from serve_app.runtimes.captioner import CaptionerRuntime

        runtime = CaptionerRuntime(CaptionerModel.model_validate(settings["model"]), gpu_share)
        self._preprocessed = _Preprocessing(settings, runtime.preprocess, runtime.side)
        self._captions: Batches[Floats, str] = _batches(runtime.caption, settings)

    def check(self) -> None:
        self._captions.check()

    async def process(self, row: Row) -> Record:
        sha256, inputs = await self._preprocessed(row)
        caption, batch_size = await self._captions(inputs)
        return {"input_sha256": sha256, "caption": caption, "batch_size": batch_size}


class Classifying:
    """Tells which class an image shows, and how probable each is."""

    def __init__(self, settings: Mapping[str, Any], gpu_share: float) -> None:
        from serve_app.runtimes.classifier import ClassifierRuntime

        runtime = ClassifierRuntime(ClassifierModel.model_validate(settings["model"]), gpu_share)
        self._labels = runtime.labels
        side = max(runtime.input_shape)
        self._preprocessed = _Preprocessing(settings, runtime.preprocess, side)
        self._probabilities: Batches[Floats, Floats] = _batches(runtime.classify, settings)

    def check(self) -> None:
        self._probabilities.check()

    async def process(self, row: Row) -> Record:
        sha256, inputs = await self._preprocessed(row)
        found, batch_size = await self._probabilities(inputs)
        best = int(found.argmax())
        return {
            "input_sha256": sha256,
            "pred": self._labels[best],
            "prob": float(found[best]),
            "probabilities": dict(zip(self._labels, found.tolist(), strict=True)),
            "batch_size": batch_size,
        }


def _batches(run: Any, settings: Mapping[str, Any]) -> "Batches[Floats, Any]":
    from serve_app.device.memory import DeviceMemory
    from serve_app.jobs.folders.batches import Batches

    def stacked(batch: Sequence[Floats]) -> Sequence[Any]:
        return run(np.stack(batch))

    return Batches(stacked, settings["batch_size"], DeviceMemory())
