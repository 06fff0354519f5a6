"""Which shape a drawn region is, judged by its outline alone, and how far from it the outline runs.

It knows no network, so it judges the generator independently of captioner and classifier.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from demo.outlines import CORE_KINDS, outline
from demo.shapes import COLORS, PALETTE

_COLOR_NAMES = list(COLORS)
_ANGLES = np.linspace(-0.4, 0.4, 17)
_POINTS = 160
_SMALLEST_AREA = 0.006
# Of the region's radius: an outline that is farther from every kind is none of them.
_FARTHEST = 0.12


@dataclass(frozen=True)
class Region:
    """A connected region of one colour: its kind, None where it is none, and the mean distance in
    pixels between its outline and the nearest outline of that kind."""

    color: str
    kind: str | None
    distance: float


def regions(image: np.ndarray) -> list[Region]:
    """What uint8 [h, w, 3] shows on its background, which is the colour of most of its rim."""
    distances = np.linalg.norm(image[:, :, None].astype(np.float32) - PALETTE, axis=-1)
    nearest = distances.argmin(-1)
    rim = np.concatenate([nearest[0], nearest[-1], nearest[:, 0], nearest[:, -1]])
    background = np.bincount(rim, minlength=len(PALETTE)).argmax()
    found = []
    # Pixels on the rim of a shape are mixed of two colours: connected by what is not background,
    # a region has the colour of most of its pixels.
    shown = (distances[..., background] > distances.min(-1) + 1e-3).astype(np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(shown, connectivity=4)
    for index in range(1, count):
        if stats[index, cv2.CC_STAT_AREA] < _SMALLEST_AREA * shown.size:
            continue
        where = labels == index
        color = _COLOR_NAMES[np.bincount(nearest[where], minlength=len(PALETTE)).argmax()]
        found.append(Region(color, *fitted(where)))
    return found


def fitted(mask: np.ndarray) -> tuple[str | None, float]:
    """The core kind whose outline bool [h, w] fits best, and the mean distance in pixels."""
    drawn = _outline_of(mask)
    low, high = drawn.min(0), drawn.max(0)
    best, least = "", np.inf
    for kind in CORE_KINDS:
        for angle in _ANGLES:
            points = np.concatenate([_dense(each, angle) for each in outline(kind)])
            own_low, own_high = points.min(0), points.max(0)
            scale = ((high - low) / (own_high - own_low)).mean()
            placed = (points - (own_low + own_high) / 2) * scale + (low + high) / 2
            distance = _mean_distance(drawn, placed)
            if distance < least:
                best, least = kind, distance
    radius = (high - low).mean() / 2
    return (best if least <= _FARTHEST * radius else None), float(least)


def outline_distance(mask: np.ndarray, contours: list[np.ndarray]) -> float:
    """Mean distance in pixels of the outline of bool [h, w] and contours, float [points, 2]."""
    return _mean_distance(_outline_of(mask), np.concatenate([_resampled(c) for c in contours]))


def _mean_distance(some: np.ndarray, others: np.ndarray) -> float:
    apart = np.linalg.norm(some[:, None] - others[None], axis=-1)
    return float((apart.min(0).mean() + apart.min(1).mean()) / 2)


def _outline_of(mask: np.ndarray) -> np.ndarray:
    """The outlines of bool [h, w], holes' too, midway between inside and outside: [points, 2]."""
    large = cv2.resize(mask.astype(np.uint8), None, fx=4, fy=4, interpolation=cv2.INTER_NEAREST)
    contours, _ = cv2.findContours(large, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    points = np.concatenate([each[:, 0] for each in contours if len(each) > 12])
    return points[::3].astype(np.float32) / 4 - 0.375


def _dense(contour: np.ndarray, angle: float) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    return _resampled(contour @ np.array([[cos, sin], [-sin, cos]]))


def _resampled(contour: np.ndarray) -> np.ndarray:
    """Points at equal distances along a closed contour: float [160, 2]."""
    closed = np.concatenate([contour, contour[:1]])
    along = np.concatenate([[0], np.linalg.norm(np.diff(closed, axis=0), axis=1).cumsum()])
    at = np.linspace(0, along[-1], _POINTS, endpoint=False)
    return np.stack([np.interp(at, along, closed[:, i]) for i in range(2)], axis=1)
