"""What an actor does: one row's picture, straight down as the service's pipeline.

read ──> decode, edges ──> denoise ──> decode latents ──> upscale, caption ──> encode, write

Rows share the engine's steps and the batches of the other models with whatever rows are there.
Torch loads in the actors alone.
"""

import asyncio
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from serve_app.config import Limits
from serve_app.errors import InvalidRequest
from serve_app.imaging import codec, edits, masks
from serve_app.imaging.canny import find_edges
from serve_app.imaging.canvas import Canvas, canvas_of
from serve_app.imaging.edits import SentMask
from serve_app.jobs.folders.places import Place
from serve_app.jobs.folders.records import Record, digest
from serve_app.jobs.folders.worker import Row
from serve_app.messages import GenerationRequest, Pixels
from serve_app.model_config import CaptionerModel, GeneratorModel, UpscalerModel

if TYPE_CHECKING:
    import torch

    from serve_app.denoise.batcher import Row as EngineRow

STAGES = (
    "read",
    "decode",
    "canny",
    "queue",
    "generate",
    "vae_decode",
    "upscale",
    "caption",
    "write",
)
_THREADS = 2  # that decode and encode; kilobytes can decode to hundreds of megabytes


class PictureMaker:
    """A generator, and an upscaler and a captioner where they are asked for.

    `settings` has `generator`, `upscaler` and `captioner` as the YAML has them, the last two None
    where they are not used, `limits`, `batch_size`, `upscale`, `thresholds` of the edges, `output`,
    and whether a picture `starts_from_image` and is ControlNet-conditioned `by_edges`.
    """

    def __init__(self, settings: Mapping[str, Any], gpu_share: float) -> None:
        from serve_app.denoise.driver import Driver
        from serve_app.denoise.engine import Engine
        from serve_app.denoise.trajectory import Work
        from serve_app.device.memory import DeviceMemory
        from serve_app.jobs.folders.batches import Batches
        from serve_app.runtimes.captioner import CaptionerRuntime
        from serve_app.runtimes.generator import GeneratorRuntime
        from serve_app.runtimes.upscaler import UpscalerRuntime

        self._settings = settings
        self._limits = Limits.model_validate(settings["limits"])
        self._output = Place(settings["output"])
        self._threads = ThreadPoolExecutor(_THREADS)
        self._new_work = Work
        size, memory = settings["batch_size"], DeviceMemory()
        runtime = GeneratorRuntime(GeneratorModel.model_validate(settings["generator"]), gpu_share)
        self._driver = Driver(Engine(runtime, size, memory=memory))
        self._pictures: Batches[torch.Tensor, Pixels] = Batches(
            runtime.decode, size, memory, lambda latents: latents.shape
        )
        self._enlarged: Batches[Pixels, Pixels] | None = None
        if settings["upscaler"]:
            upscaler = UpscalerRuntime(
                UpscalerModel.model_validate(settings["upscaler"]), gpu_share
            )
            scale = settings["upscale"]
            self._enlarged = Batches(
                lambda images: upscaler.upscale(list(images), scale),
                size,
                memory,
                lambda image: image.shape,
            )
        self._captions: Batches[Pixels, str] | None = None
        if settings["captioner"]:
            captioner = CaptionerRuntime(
                CaptionerModel.model_validate(settings["captioner"]), gpu_share
            )
            self._captions = Batches(
                lambda images: captioner.caption(captioner.preprocess(list(images))), size, memory
            )

    def check(self) -> None:
        self._driver.check()
        for batches in (self._pictures, self._enlarged, self._captions):
            if batches is not None:
                batches.check()

    async def process(self, row: Row) -> Record:
        """Make, write and describe one picture. Raises ServiceError, OSError."""
        seconds: dict[str, float] = {}
        request = GenerationRequest(**row["request"])
        canvas, edges, input_sha256 = Canvas(), None, None
        if row["image"] is not None:
            with _timed(seconds, "read"):
                data, mask = await self._in_thread(_read, row)
            input_sha256 = digest(data + (mask.data if mask else b""))
            with _timed(seconds, "decode"):
                decoded = await self._in_thread(self._decoded, request, data, mask)
                request, canvas, pixels = decoded
            if self._settings["by_edges"]:
                with _timed(seconds, "canny"):
                    thresholds = self._settings["thresholds"]
                    edges = await self._in_thread(find_edges, pixels, *thresholds)
        work = self._new_work(request, edges, canvas.image, canvas.mask)
        made, latents = await self._denoised(work)
        started = made.started or made.arrived
        seconds |= {"queue": started - made.arrived, "generate": time.monotonic() - started}
        with _timed(seconds, "vae_decode"):
            picture, _ = await self._pictures(latents)
            if canvas.mask is not None:
                picture = await self._in_thread(canvas.finished, picture)
        enlarged, caption = await asyncio.gather(
            self._upscaled(picture, seconds), self._captioned(picture, seconds)
        )
        with _timed(seconds, "write"):
            await self._in_thread(self._write, row["key"], enlarged)
        return {
            "model": row["model"],
            "input_sha256": input_sha256,
            "prompt": request.prompt,
            "seed": request.seed,
            "strength": None if canvas.image is None else request.strength,
            "steps": made.work.steps,
            "width": enlarged.shape[1],
            "height": enlarged.shape[0],
            "caption": caption,
            "batch_size": made.batch_size_sum / made.work.steps,
            **{f"{stage}_s": round(taken, 6) for stage, taken in seconds.items()},
        }

    def _decoded(
        self, request: GenerationRequest, data: bytes, mask: SentMask | None
    ) -> tuple[GenerationRequest, Canvas, Pixels]:
        """The request as the service makes it of the files, what it starts from, and what edges are
        found in."""
        limit, canvas = self._limits.max_image_pixels, Canvas()
        if self._settings["starts_from_image"]:
            request = replace(request, image=data)
            if mask is not None:
                header = codec.inspect(data, limit)
                size = header.width, header.height
                self._check_upscale(*size)
                request = edits.masked(request, mask, size, self._limits)
            canvas = canvas_of(request, limit)
        if canvas.image is not None and canvas.mask is None:
            return request, canvas, canvas.image
        size = request.width, request.height
        return request, canvas, masks.pixels_at(data, limit, size, request.region)

    def _check_upscale(self, width: int, height: int) -> None:
        """A picture with a mask keeps its image's size."""
        if self._enlarged is not None and width * height > self._limits.max_upscale_pixels:
            message = f"at most {self._limits.max_upscale_pixels} pixels are upscaled"
            raise InvalidRequest(message).about("image")

    async def _denoised(self, work: Any) -> "tuple[EngineRow, torch.Tensor]":
        row = self._driver.add(work)
        try:
            async with aclosing(self._driver.follow(row)) as events:
                async for event in events:
                    if event.finished is not None:
                        return row, event.finished
        finally:
            self._driver.leave(row)
        raise AssertionError("it ends with latents or an error")

    async def _upscaled(self, picture: Pixels, seconds: dict[str, float]) -> Pixels:
        if self._enlarged is None:
            return picture
        with _timed(seconds, "upscale"):
            return (await self._enlarged(picture))[0]

    async def _captioned(self, picture: Pixels, seconds: dict[str, float]) -> str | None:
        if self._captions is None:
            return None
        with _timed(seconds, "caption"):
            return (await self._captions(picture))[0]

    def _write(self, name: str, picture: Pixels) -> None:
        (self._output / name).write(codec.encode(np.ascontiguousarray(picture)))

    async def _in_thread(self, run: Any, *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, run, *args)


def _read(row: Row) -> tuple[bytes, SentMask | None]:
    data = Place(row["image"]).read()
    if "mask" not in row:
        return data, None
    of_mask = row["mask_field"], row["mask_blur"], row["padding_mask_crop"]
    return data, SentMask(Place(row["mask"]).read(), *of_mask)


@contextmanager
def _timed(seconds: dict[str, float], stage: str) -> Iterator[None]:
    began = time.monotonic()
    yield
    seconds[stage] = time.monotonic() - began
