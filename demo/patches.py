"""What each patch of a picture shows: the targets of a throw-away loss.

A small vision transformer takes very long to find shapes from a caption or a label alone; naming
the shape in every patch leads it there within minutes.
"""

from __future__ import annotations

import cv2
import numpy as np

from demo.outlines import KINDS
from demo.shapes import COLORS, Scene

_COLOR_NAMES = list(COLORS)
_LEAST_COVER = 0.1


def patch_labels(scene: Scene, grid: int) -> tuple[np.ndarray, np.ndarray]:
    """What covers each of grid x grid patches: kinds and colours, int64 [grid**2] each.

    Kind 0 is the background; kind k is KINDS[k - 1].
    """
    covering = covering_shape(scene, grid)
    # The last entry is what -1 picks.
    kinds = np.array([*(KINDS.index(shape.kind) + 1 for shape in scene.shapes), 0])
    colors = [*(shape.color for shape in scene.shapes), scene.background]
    return kinds[covering], np.array([_COLOR_NAMES.index(color) for color in colors])[covering]


def covering_shape(scene: Scene, grid: int) -> np.ndarray:
    """The index of the shape that covers each of grid x grid patches, or -1: int64 [grid**2]."""
    covers = [
        cv2.resize(shape.mask(64), (grid, grid), interpolation=cv2.INTER_AREA)
        for shape in scene.shapes
    ]
    cover = np.stack(covers)
    return np.where(cover.max(0) > _LEAST_COVER, cover.argmax(0), -1).ravel()
