"""What happens to pictures on their way: blur, noise, JPEG, other sizes, colours a little off."""

from __future__ import annotations

import cv2
import numpy as np

_RESAMPLING = (cv2.INTER_AREA, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)


def warp(rng: np.random.Generator, image: np.ndarray, most: float) -> np.ndarray:
    """Shift every place by up to about `most` pixels, neighbours alike: uint8 [h, w, 3]."""
    height, width = image.shape[:2]
    cells = int(rng.integers(4, 12))
    shifts = rng.normal(0, most / 2, (cells, cells, 2)).astype(np.float32)
    shifts = cv2.resize(shifts, (width, height), interpolation=cv2.INTER_CUBIC)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    return cv2.remap(
        image, x + shifts[..., 0], y + shifts[..., 1], cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE
    )


def degrade(rng: np.random.Generator, image: np.ndarray, chance: float = 0.3) -> np.ndarray:
    """Each kind of damage happens with the given chance: uint8 [h, w, 3] to the same."""
    height, width = image.shape[:2]
    if rng.random() < chance:
        scale = rng.uniform(0.5, 2)
        image = cv2.resize(
            image, None, fx=scale, fy=scale, interpolation=int(rng.choice(_RESAMPLING))
        )
        image = cv2.resize(image, (width, height), interpolation=int(rng.choice(_RESAMPLING)))
    if rng.random() < chance:
        image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.2))
    if rng.random() < chance:
        noise = rng.normal(0, rng.uniform(2, 8), image.shape) + rng.normal(0, 6, 3)
        image = (image + noise).clip(0, 255).astype(np.uint8)
    if rng.random() < chance:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(60, 98))]
        image = cv2.imdecode(cv2.imencode(".jpg", image, quality)[1], cv2.IMREAD_COLOR)
    return image
