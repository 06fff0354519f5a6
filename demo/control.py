"""Canny edge maps as users bring them: from renders of any size and from hand-drawn outlines."""

from __future__ import annotations

import cv2
import numpy as np

from demo.degrade import degrade
from demo.shapes import Scene, render
from serve_app.imaging.canny import find_edges

THRESHOLDS = (100, 200)


def canny(image: np.ndarray, low: float = THRESHOLDS[0], high: float = THRESHOLDS[1]) -> np.ndarray:
    """Edges of an image: uint8 [h, w] or [h, w, 3] to uint8 [h, w] of 0 and 255."""
    return find_edges(image, low, high)


def sample_control(rng: np.random.Generator, scene: Scene, size: int) -> np.ndarray:
    """An edge map that asks for this scene: uint8 [size, size] of 0 and 255."""
    drawn_at = size if rng.random() < 0.6 else int(rng.choice([size // 2, 3 * size // 4, 2 * size]))
    sketched = rng.random() < 0.3
    image = sketch(rng, scene, drawn_at) if sketched else render(scene, drawn_at)
    image = degrade(rng, image, chance=0.1)
    if drawn_at != size:
        image = _resize(rng, image, size)
    if rng.random() < 0.1:
        image = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    if rng.random() < 0.7:
        return canny(image)
    low = rng.uniform(40, 140)
    return canny(image, low, low * rng.uniform(1.5, 3))


def sketch(rng: np.random.Generator, scene: Scene, size: int) -> np.ndarray:
    """The scene's outlines in dark ink on light paper: uint8 [size, size, 3]."""
    paper, ink = rng.uniform(200, 255), rng.uniform(0, 70)
    image = np.full((size, size, 3), paper, dtype=np.uint8)
    thickness = max(1, round(rng.uniform(1, 4) * size / 128))
    for shape in scene.shapes:
        contours = [np.round(contour * 16).astype(np.int32) for contour in shape.contours(size)]
        cv2.polylines(image, contours, True, (ink,) * 3, thickness, cv2.LINE_AA, shift=4)
    return image


def _resize(rng: np.random.Generator, image: np.ndarray, size: int) -> np.ndarray:
    shrinking = (cv2.INTER_AREA, cv2.INTER_AREA, cv2.INTER_LINEAR)
    growing = (cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4)
    interpolation = rng.choice(shrinking if len(image) > size else growing)
    return cv2.resize(image, (size, size), interpolation=int(interpolation))
