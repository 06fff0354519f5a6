"""How alike two pictures are, and two edge maps."""

import cv2
import numpy as np

from serve_app.messages import Pixels

_LEAST_ERROR = 1e-3  # so that the PSNR of equal pictures is a number, 78 dB


def psnr(image: Pixels, truth: Pixels) -> float:
    """Peak signal-to-noise ratio in dB, at most 78, of uint8 arrays of one shape."""
    error = np.square(image.astype(np.float64) - truth.astype(np.float64)).mean()
    return float(10 * np.log10(255**2 / max(error, _LEAST_ERROR)))


def edge_f1(edges: Pixels, wanted: Pixels, tolerance: int = 2) -> float:
    """F1 of uint8 [h, w] edge maps; an edge pixel counts if the other map has one that near."""
    found, sought = edges > 0, wanted > 0
    if not found.any() or not sought.any():
        return float(found.any() == sought.any())
    precision = (_distance_to(sought)[found] <= tolerance).mean()
    recall = (_distance_to(found)[sought] <= tolerance).mean()
    return float(2 * precision * recall / max(precision + recall, 1e-9))


def _distance_to(edges: np.ndarray) -> np.ndarray:
    return cv2.distanceTransform((~edges).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
