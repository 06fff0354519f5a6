"""Encoded bytes to pixels and back, for bytes that nobody vouches for.

`inspect` reads the header alone, so that a limit is enforced before a pixel is decoded.
Knows nothing of requests or models.
"""

import io
import warnings
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageOps, PngImagePlugin, UnidentifiedImageError

from serve_app.errors import ImageTooLarge, InvalidImage, UnsupportedImage
from serve_app.messages import Pixels

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
_EXIF_ORIENTATION = 0x0112
_SIDEWAYS = (5, 6, 7, 8)  # EXIF orientations that swap width and height
_DECODER_ERRORS = (OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError)

# The limit is ours to enforce, from the header; Pillow's own would only warn at half of its bound.
Image.MAX_IMAGE_PIXELS = None
# Compressed text chunks are the one part of a PNG that inflates before its size is known.
PngImagePlugin.MAX_TEXT_MEMORY = 1024 * 1024


@dataclass(frozen=True)
class Header:
    """What an image says of itself; width and height in pixels as displayed (EXIF applied)."""

    format: str
    width: int
    height: int


def inspect(data: bytes, max_pixels: int) -> Header:
    """Read the header alone.

    Raises UnsupportedImage for bytes that are no image of `FORMATS`, ImageTooLarge where
    width x height is over `max_pixels`.
    """
    image = _open(data)
    width, height = image.size
    if width * height > max_pixels:
        raise ImageTooLarge(
            f"the image has {width}x{height} pixels, over the limit of {max_pixels}"
        )
    if _orientation(image) in _SIDEWAYS:
        width, height = height, width
    return Header(str(image.format), width, height)


def decode(data: bytes, max_pixels: int, size: tuple[int, int] | None = None) -> Pixels:
    """Decode to uint8 RGB [height, width, 3], upright, resized to `size` (width, height) if given.

    Transparency is laid on white, 16-bit samples keep their upper byte, CMYK becomes RGB, and an
    animation gives its first frame. Raises what `inspect` raises, and InvalidImage for pixels that
    cannot be decoded.
    """
    inspect(data, max_pixels)
    try:
        image = _open(data)
        image.load()
        image = _upright(image)
        rgb = _to_rgb(image)
    except _DECODER_ERRORS as error:
        raise InvalidImage("the image is truncated or corrupt") from error
    if size is not None and rgb.size != size:
        rgb = rgb.resize(size, Image.Resampling.LANCZOS)
    return np.asarray(rgb)


def encode(pixels: Pixels, output_format: str = "png", compression: int | None = None) -> bytes:
    """Encode uint8 [h, w, 3] or [h, w] as `png`, `jpeg` or `webp`.

    `compression` is 0 to 100, as OpenAI's `output_compression`: the quality of jpeg and webp.
    """
    out = io.BytesIO()
    image = Image.fromarray(pixels)
    if output_format == "png":
        image.save(out, "PNG", compress_level=4)
    else:
        image.save(out, output_format.upper(), quality=90 if compression is None else compression)
    return out.getvalue()


def _open(data: bytes) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a hostile file, into the log
            return Image.open(io.BytesIO(data), formats=FORMATS)
    except UnidentifiedImageError as error:
        raise UnsupportedImage(f"not an image in one of {', '.join(FORMATS)}") from error
    except _DECODER_ERRORS as error:
        raise InvalidImage("the image's header is corrupt") from error


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # a corrupt EXIF block is no reason to refuse the picture
        return 1


def _upright(image: Image.Image) -> Image.Image:
    return ImageOps.exif_transpose(image) if _orientation(image) != 1 else image


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey; Pillow's own conversion would clip it at 255
        samples = np.asarray(image).astype(np.int64).clip(0, 65535)
        image = Image.fromarray((samples >> 8).astype(np.uint8))
    elif image.mode == "F":
        raise InvalidImage("images of floating-point samples are not taken")
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")
