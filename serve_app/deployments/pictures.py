"""Pictures of latents: decoded in batches in another thread, and put where a mask says."""

import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from serve_app.deployments.decoding import decoding
from serve_app.deployments.micro_batching import MicroBatcher
from serve_app.device.memory import DeviceMemory, too_large
from serve_app.errors import InvalidRequest
from serve_app.imaging.canvas import Canvas
from serve_app.messages import GenerationRequest, Pixels

if TYPE_CHECKING:
    import torch

    from serve_app.runtimes.generator import GeneratorRuntime

_RECENT = 0.2  # the weight of the last picture in the mean time


class Pictures:
    """Of one generator. `seconds` is what a finished picture took lately, its wait included."""

    def __init__(self, runtime: "GeneratorRuntime", memory: DeviceMemory, seconds: float) -> None:
        """`memory` is shared with whatever else runs on the device; `seconds` is the first
        guess."""
        self._runtime = runtime
        self.seconds = seconds
        self._batches = MicroBatcher("decode", self._decode, _key, _too_large, memory)
        self.publish_depth = self._batches.publish_depth
        self.check = self._batches.check

    def resize(self, max_batch_size: int) -> None:
        """How many are decoded together at most."""
        # Rows that finish in one step arrive together, so there is nothing to wait for.
        self._batches.configure({"max_batch_size": max_batch_size, "batch_wait_timeout_s": 0.0})

    async def finished(
        self, request: GenerationRequest, latents: "torch.Tensor", canvas: Canvas
    ) -> Pixels:
        """What was asked for, uint8 RGB, of finished latents [1, channels, height, width]."""
        began = time.monotonic()
        pixels = await self._made(_Undecoded(request, latents), canvas)
        self.seconds += _RECENT * (time.monotonic() - began - self.seconds)
        return pixels

    async def preview(
        self, request: GenerationRequest, latents: "torch.Tensor", canvas: Canvas
    ) -> Pixels:
        """As `finished`, roughly."""
        return await self._made(_Undecoded(request, latents, roughly=True), canvas)

    async def _made(self, undecoded: "_Undecoded", canvas: Canvas) -> Pixels:
        pixels, _ = await self._batches(undecoded)
        return pixels if canvas.mask is None else await decoding(canvas.finished, pixels)

    def _decode(self, batch: Sequence["_Undecoded"]) -> list[Pixels]:
        latents = [item.latents for item in batch]
        return self._runtime.preview(latents) if batch[0].roughly else self._runtime.decode(latents)


@dataclass(frozen=True, eq=False)
class _Undecoded:
    """Latents [1, channels, height, width] that become a picture, `roughly` for a preview."""

    request: GenerationRequest
    latents: "torch.Tensor"
    roughly: bool = False

    @property
    def size(self) -> str:
        return f"{self.request.width}x{self.request.height}"


def _key(item: _Undecoded) -> Hashable:
    return item.size, item.roughly


def _too_large(item: _Undecoded) -> InvalidRequest:
    return too_large(f"an image of {item.size} pixels", "size")
