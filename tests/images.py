"""Pictures that tests send, made on the spot."""

import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

PROMPT = "a red circle and a blue square on a white background"


def sketch(width: int = 512, height: int = 512) -> Image.Image:
    """A red circle at the left and a blue square at the right, on white; RGB."""
    image = Image.new("RGB", (width, height), (245, 245, 245))
    draw = ImageDraw.Draw(image)
    draw.ellipse((width * 0.1, height * 0.3, width * 0.45, height * 0.65), fill=(220, 40, 40))
    draw.rectangle((width * 0.55, height * 0.35, width * 0.9, height * 0.7), fill=(40, 80, 220))
    return image


def encoded(image: Image.Image, format: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def jpeg() -> bytes:
    return encoded(sketch(), "JPEG")


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def from_base64(text: str) -> Image.Image:
    return opened(base64.b64decode(text))


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


def size_of(path: Path) -> tuple[int, int]:
    """Width and height of an image file whose pixels can be read."""
    with Image.open(path) as image:
        image.load()
        return image.size


def pixels(image: Image.Image) -> np.ndarray:
    """Signed, so that differences of 8-bit channels do not wrap around."""
    return np.asarray(image).astype(np.int16)
