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
    [height, width] of what is made anew."""

    image: Pixels | None = None
    mask: Pixels | None = None
    _under: "_Under | None" = None

    def finished(self, made: Pixels) -> Pixels:
        """The picture that was asked for: what was made, or the input image with it inside."""
        if self._under is None:
            return made
        under = self._under
        return masks.pasted(under.original, made, under.mask, under.region)


@dataclass(frozen=True)
class _Under:
    """An input image at its own size, and which of its pixels give way."""

    original: Pixels
    mask: Pixels
    region: Region | None


def canvas_of(request: GenerationRequest, max_pixels: int) -> Canvas:
    """Decode what a request starts from. Raises what `codec.decode` raises, about its field."""
    if request.image is None:
        return Canvas()
    size = (request.width, request.height)
    try:
        if request.mask_image is None:
            return Canvas(codec.decode(request.image, max_pixels, size))
        original = codec.decode(request.image, max_pixels)
    except ServiceError as error:
        raise error.about("image") from error.__cause__
    mask = codec.decode_grey(request.mask_image, max_pixels)
    under = _Under(original, mask, request.region)
    image, sized = (_at(size, pixels, request.region) for pixels in (original, mask))
    return Canvas(image, sized, under)


def _at(size: tuple[int, int], pixels: Pixels, region: Region | None) -> Pixels:
    if region is not None:
        return masks.cut_out(pixels, region, size)
    return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS))
