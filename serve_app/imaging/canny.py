"""Canny edges (Canny 1986, as OpenCV computes them)."""

import cv2
import numpy as np

from serve_app.messages import Pixels


def find_edges(pixels: Pixels, low_threshold: float, high_threshold: float) -> Pixels:
    """Edges of uint8 [h, w, 3] or [h, w]: uint8 [h, w], 255 on an edge and 0 elsewhere."""
    return cv2.Canny(np.ascontiguousarray(pixels), low_threshold, high_threshold).astype(np.uint8)


def read_edges(pixels: Pixels) -> Pixels:
    """The edge map, uint8 [h, w], that an image uint8 [h, w, 3] is: of each pixel the lightest
    channel."""
    return np.ascontiguousarray(pixels.max(axis=2))
