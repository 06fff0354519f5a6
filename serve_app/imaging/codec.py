"""Encoded bytes to pixels and back; the bytes are untrusted.

`inspect` reads the header alone, so that a limit is enforced before a pixel is decoded, and the
decoder gets no part of a file but what pixels are made of (`header.py`).
Knows nothing of requests or models.
"""

import io
import struct
import warnings
from collections.abc import Callable

import numpy as np
from PIL import Image, PngImagePlugin

from serve_app.errors import ImageTooLarge, InvalidImage, over
from serve_app.imaging import header
from serve_app.imaging.header import FORMATS, Header
from serve_app.messages import Pixels

__all__ = [
    "FORMATS",
    "MAX_ENCODED_SIDE",
    "Header",
    "decode",
    "decode_alpha",
    "decode_grey",
    "encode",
    "inspect",
]

MAX_ENCODED_SIDE = {"png": 2**31 - 1, "jpeg": 65_500, "webp": 16_383}
_UPRIGHT = {  # how to undo each EXIF orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_DECODER_ERRORS = (
    OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, TypeError, struct.error,
)  # fmt: skip

# The limit is ours to enforce, from the header; Pillow's own would only warn at half of its bound.
Image.MAX_IMAGE_PIXELS = None


def inspect(data: bytes, max_pixels: int) -> Header:
    """Read the header alone, in milliseconds whatever the bytes.

    Raises UnsupportedImage for bytes that are no image of `FORMATS`, InvalidImage for a header that
    no honest file has, ImageTooLarge where width x height is over `max_pixels`.
    """
    found = header.read(data)
    if found.width * found.height > max_pixels:
        sent = f"the image has {found.width}x{found.height} pixels"
        raise ImageTooLarge(over(sent, f"{max_pixels} in all", "limits.max_image_pixels"))
    return found


def decode(
    data: bytes,
    max_pixels: int,
    size: tuple[int, int] | None = None,
    least_side: int | None = None,
) -> Pixels:
    """Decode to uint8 RGB [height, width, 3], upright.

    Resized to `size` (width, height) if given, or cheaply downscaled by an integer factor, no side
    under `least_side`, to speed up the exact resize that follows.
    Transparency is laid on white, 16-bit samples keep their upper byte, CMYK becomes RGB, and an
    animation gives its first frame. Raises what `inspect` raises, and InvalidImage for pixels that
    cannot be decoded.
    """
    reduced_to = least_side if size is None else None
    rgb = _upright(data, max_pixels, _to_rgb, reduced_to)
    if size is not None and rgb.size != size:
        rgb = rgb.resize(size, Image.Resampling.LANCZOS)
    elif least_side is not None and min(rgb.size) >= 2 * least_side:
        rgb = rgb.reduce(min(rgb.size) // least_side)
    return np.asarray(rgb)


def decode_alpha(data: bytes, max_pixels: int) -> Pixels:
    """The alpha of each pixel, uint8 [height, width], upright: 0 is transparent, and 255 opaque, as
    is all of an image without alpha. Raises what `decode` raises."""
    return np.asarray(_upright(data, max_pixels, lambda image: _rgba(image).getchannel("A")))


def decode_grey(data: bytes, max_pixels: int) -> Pixels:
    """As grey, uint8 [height, width], upright, whatever is transparent. Raises what `decode`
    raises."""
    return np.asarray(_upright(data, max_pixels, lambda image: _rgba(image).convert("L")))


def encode(
    pixels: Pixels,
    output_format: str = "png",
    compression: int | None = None,
    parameters: str | None = None,
    size: tuple[int, int] | None = None,
) -> bytes:
    """Encode uint8 [h, w, 3] or [h, w] as `png`, `jpeg` or `webp`, resized to `size` (width,
    height) if given.

    `compression` is 0 to 100, as OpenAI's `output_compression`: the quality of jpeg and webp.
    `parameters` becomes a text chunk of that name in a png; the others have no place for it.
    """
    out = io.BytesIO()
    image = Image.fromarray(pixels)
    if size is not None and image.size != size:
        image = image.resize(size, Image.Resampling.LANCZOS)
    if output_format == "png":
        texts = PngImagePlugin.PngInfo()
        if parameters is not None:
            texts.add_itxt("parameters", parameters)
        image.save(out, "PNG", compress_level=4, pnginfo=texts)
    else:
        image.save(out, output_format.upper(), quality=90 if compression is None else compression)
    return out.getvalue()


def _upright(
    data: bytes,
    max_pixels: int,
    convert: Callable[[Image.Image], Image.Image],
    reduced_to: int | None = None,
) -> Image.Image:
    found = inspect(data, max_pixels)
    image = _open(header.pixels_only(data, found), found)
    if reduced_to is not None:
        image.draft(None, (reduced_to, reduced_to))  # a JPEG's own smaller sizes, none below this
    try:
        image.load()
        converted = convert(image)
    except _DECODER_ERRORS as error:
        raise InvalidImage("the image is truncated or corrupt") from error
    if found.orientation in _UPRIGHT:
        return converted.transpose(_UPRIGHT[found.orientation])
    return converted


def _open(data: bytes, found: Header) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a hostile file, into the log
            image = Image.open(io.BytesIO(data), formats=[found.format])
    except _DECODER_ERRORS as error:
        raise InvalidImage("the image's header is corrupt") from error
    if image.size != found.stored:  # the limit was checked of another size
        raise InvalidImage("the image's header is corrupt")
    return image


def _eight_bits(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16-bit grey; Pillow's own conversion would clip it at 255
        samples = np.asarray(image)
        if samples.dtype != np.uint16:
            samples = samples.clip(0, 65535).astype(np.uint16)
        return Image.fromarray((samples >> 8).astype(np.uint8))
    if image.mode == "F":
        raise InvalidImage("images of floating-point samples are not taken")
    return image


def _rgba(image: Image.Image) -> Image.Image:
    return _eight_bits(image).convert("RGBA")


def _to_rgb(image: Image.Image) -> Image.Image:
    image = _eight_bits(image)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(white, rgba).convert("RGB")
    return image.convert("RGB")
