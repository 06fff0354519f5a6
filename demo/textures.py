"""Pictures outside the demo's world, so that its models are not surprised by a user's own."""

from __future__ import annotations

import string

import cv2
import numpy as np

_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX)


def sample_texture(rng: np.random.Generator, size: int) -> np.ndarray:
    """A gradient, clouds, soft polygons or lines of text at random: uint8 [size, size, 3]."""
    draw = (_gradient, _clouds, _polygons, _text)[rng.integers(4)]
    return draw(rng, size).clip(0, 255).astype(np.uint8)


def _gradient(rng: np.random.Generator, size: int) -> np.ndarray:
    corners = rng.uniform(0, 255, (2, 2, 3)).astype(np.float32)
    return cv2.resize(corners, (size, size), interpolation=cv2.INTER_LINEAR)


def _clouds(rng: np.random.Generator, size: int) -> np.ndarray:
    """Noise whose amplitude falls with frequency, as in photographs."""
    image = rng.uniform(40, 215, 3) + np.zeros((size, size, 3), dtype=np.float32)
    for octave in range(1, int(np.log2(size)) + 1):
        grey = rng.normal(0, 1, (2**octave, 2**octave, 1)) + rng.normal(
            0, 0.3, (2**octave,) * 2 + (3,)
        )
        detail = cv2.resize(grey.astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
        image += detail * rng.uniform(20, 110) / 2 ** (octave * rng.uniform(0.6, 1.1))
    return image


def _polygons(rng: np.random.Generator, size: int) -> np.ndarray:
    """Overlapping triangles and ellipses in any colours, blurred a little, with grain."""
    image = _gradient(rng, size)
    for _ in range(rng.integers(3, 12)):
        color = rng.uniform(0, 255, 3).tolist()
        points = rng.integers(-size // 4, size + size // 4, (3, 2)).astype(np.int32)
        if rng.random() < 0.5:
            cv2.fillPoly(image, [points], color, cv2.LINE_AA)
        else:
            axes = rng.integers(2, size // 2, 2).tolist()
            cv2.ellipse(image, points[0].tolist(), axes, 0, 0, 360, color, -1, cv2.LINE_AA)
    image = cv2.GaussianBlur(image, (0, 0), rng.uniform(0.3, 1.5))
    return image + rng.normal(0, rng.uniform(0, 6), image.shape)


def _text(rng: np.random.Generator, size: int) -> np.ndarray:
    paper, ink = rng.uniform(0, 255, (2, 3))
    image = np.full((size, size, 3), paper).astype(np.uint8)
    scale = rng.uniform(0.35, 1.2)
    font, thickness = int(rng.choice(_FONTS)), int(rng.integers(1, 3))
    for line in range(int(size / (26 * scale)) + 1):
        words = "".join(rng.choice(list(string.ascii_letters + string.digits + "  .,-"), 40))
        origin = (int(rng.integers(-20, 10)), int((line + 0.8) * 26 * scale))
        cv2.putText(image, words, origin, font, scale, ink.tolist(), thickness, cv2.LINE_AA)
    return image
