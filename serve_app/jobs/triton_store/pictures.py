"""An encoded image to the classifier's input, by Pillow and numpy alone.

Runs inside Triton, from a copy in the model repository: imports nothing but `imaging`. Does what
transformers' image processors of the Pillow backend do.
"""

from typing import Any

import numpy as np
from PIL import Image

from serve_app.imaging import codec
from serve_app.messages import Floats

SETTINGS = (
    "do_resize", "size", "resample", "do_center_crop", "crop_size", "do_rescale", "rescale_factor",
    "do_normalize", "image_mean", "image_std",
)  # fmt: skip
"""What is read of a preprocessor_config.json."""


def pixel_values(data: bytes, settings: dict[str, Any], side: int, max_pixels: int) -> Floats:
    """Float32 [3, height, width].

    `side` is the longest of the input, in pixels, towards which large images are shrunk first, as
    the service does. Raises InvalidImage, UnsupportedImage, ImageTooLarge.
    """
    image = Image.fromarray(codec.decode(data, max_pixels, least_side=side))
    if settings.get("do_resize"):
        size = _size(settings["size"], *image.size)
        image = image.resize(size, Image.Resampling(settings["resample"]))
    if settings.get("do_center_crop"):
        width, height = settings["crop_size"]["width"], settings["crop_size"]["height"]
        left, top = (image.width - width) // 2, (image.height - height) // 2
        image = image.crop((left, top, left + width, top + height))
    values: Floats = np.asarray(image).astype(np.float32)
    if settings.get("do_rescale"):
        values = (values.astype(np.float64) * settings["rescale_factor"]).astype(np.float32)
    if settings.get("do_normalize"):
        values = (values - np.float32(settings["image_mean"])) / np.float32(settings["image_std"])
    return np.ascontiguousarray(values.transpose(2, 0, 1), np.float32)


def _size(size: dict[str, int], width: int, height: int) -> tuple[int, int]:
    """(width, height) to resize to."""
    edge = size.get("shortest_edge")
    if edge is None:
        return size["width"], size["height"]
    if width <= height:
        return edge, int(edge * height / width)
    return int(edge * width / height), edge
