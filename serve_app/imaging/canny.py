"""Canny edges (Canny 1986, as OpenCV computes them)."""

import cv2
import numpy as np

from serve_app.messages import Pixels


def find_edges(pixels: Pixels, low_threshold: int, high_threshold: int) -> Pixels:
    """Edge map, uint8 [height, width], 255 on an edge and 0 elsewhere, of uint8 RGB [h, w, 3]."""
    return cv2.Canny(np.ascontiguousarray(pixels), low_threshold, high_threshold).astype(np.uint8)
