"""What a generation starts from, and where its outcome goes: an input image, whole or masked."""

from dataclasses import dataclass

import numpy as np
from PIL import Image

from serve_app.errors import ServiceError
from serve_app.imaging import codec, masks
from serve_app.messages import GenerationRequest, Pixels, Region


@dataclass(frozen=True)
class Canvas:
    """`image` and `mask` are of the generated size: uint8 RGB [height, width, 3] to start from, and
    [height, width] of what is made anew.

    The input image at its own size, which may be far larger, is decoded again at the end: requests
    that wait hold encoded images alone.
    """

    image: Pixels | None = None
    mask: Pixels | None = None
    _input: "_Input | None" = None

    def finished(self, made: Pixels) -> Pixels:
        """The picture that was asked for: what was made, or the input image with it inside."""
        if self._input is None:
            return made
        original, mask = self._input.decoded()
        return masks.pasted(original, made, mask, self._input.region)


@dataclass(frozen=True)
class _Input:
    image: bytes
    mask: bytes
    region: Region | None
    max_pixels: int

    def decoded(self) -> tuple[Pixels, Pixels]:
        image = codec.decode(self.image, self.max_pixels)
        return image, codec.decode_grey(self.mask, self.max_pixels)


def canvas_of(request: GenerationRequest, max_pixels: int) -> Canvas:
    """Decode what a request starts from. Raises what `codec.decode` raises, about its field."""
    if request.image is None:
        return Canvas()
    size = (request.width, request.height)
    try:
        if request.mask_image is None:
            return Canvas(codec.decode(request.image, max_pixels, size))
        sent = _Input(request.image, request.mask_image, request.region, max_pixels)
        image, mask = (_at(size, pixels, request.region) for pixels in sent.decoded())
    except ServiceError as error:
        raise error.about("image") from error.__cause__
    return Canvas(image, mask, sent)


def _at(size: tuple[int, int], pixels: Pixels, region: Region | None) -> Pixels:
    if region is not None:
        return masks.cut_out(pixels, region, size)
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))
