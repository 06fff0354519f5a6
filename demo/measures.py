"""What the evaluation counts, as pure functions of pictures, scenes and captions."""

from __future__ import annotations

from collections import Counter

import cv2
import numpy as np

from demo.fitting import outline_distance
from demo.shapes import COLORS, PALETTE, Scene

_COLOR_NAMES = list(COLORS)
_SMALLEST_AREA = 0.006
_PURE = 60.0
_NEAR = 9


def main_color(image: np.ndarray, where: np.ndarray) -> str:
    """The palette colour that most pixels of uint8 [h, w, 3] are nearest to, within bool [h, w]."""
    distances = np.linalg.norm(image[where][:, None].astype(np.float32) - PALETTE, axis=-1)
    return _COLOR_NAMES[np.bincount(distances.argmin(1), minlength=len(PALETTE)).argmax()]


def shape_colors(image: np.ndarray, scene: Scene) -> list[str]:
    """The colour found where each shape of the scene should be, from left to right."""
    masks = [shape.mask(len(image)) > 0.5 for shape in scene.shapes]
    return [main_color(image, _inside(mask)) for mask in masks]


def background_color(image: np.ndarray, scene: Scene) -> str:
    """The colour found clear of every shape of the scene."""
    covered = np.any([shape.mask(len(image)) > 0 for shape in scene.shapes], axis=0)
    near = cv2.dilate(covered.astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    return main_color(image, ~near)


def color_set(image: np.ndarray) -> set[str]:
    """The palette colours that fill a visible part of uint8 [h, w, 3], mixed edges left aside."""
    distances = np.linalg.norm(image[:, :, None].astype(np.float32) - PALETTE, axis=-1)
    nearest = np.where(distances.min(-1) < _PURE, distances.argmin(-1), -1)
    kernel = np.ones((3, 3), np.uint8)
    return {
        name
        for index, name in enumerate(_COLOR_NAMES)
        if cv2.erode((nearest == index).astype(np.uint8), kernel).mean() >= _SMALLEST_AREA / 2
    }


def outline_distances(image: np.ndarray, scene: Scene) -> list[float]:
    """Mean distance in pixels from the outline drawn to each shape's own, striped ones left out."""
    side = len(image)
    found = []
    for shape in scene.shapes:
        near = cv2.dilate((shape.mask(side) > 0).astype(np.uint8), np.ones((_NEAR, _NEAR))) > 0
        ours, behind = (
            np.linalg.norm(image.astype(np.float32) - np.float32(COLORS[name]), axis=-1)
            for name in (shape.color, scene.background)
        )
        drawn = near & (ours < behind)
        if drawn.any() and not shape.striped:
            found.append(outline_distance(drawn, shape.contours(side)))
    return found


def same_words(caption: str, truth: str) -> bool:
    """Whether two captions have the same words the same number of times, in whatever order."""
    return Counter(caption.replace(",", "").split()) == Counter(truth.replace(",", "").split())


def share_of_pairs(
    found: list[tuple[str, str, bool]], wanted: list[tuple[str, str, bool]]
) -> float:
    """The share of wanted (colour, kind) pairs that are among the found ones."""
    missing = Counter(pair[:2] for pair in wanted) - Counter(pair[:2] for pair in found)
    return 1 - missing.total() / len(wanted)


def _inside(mask: np.ndarray) -> np.ndarray:
    """The mask less its rim, if anything is left."""
    inner = cv2.erode(mask.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return inner if inner.any() else mask
