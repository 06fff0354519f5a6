"""The outlines of every kind of shape, as polygons in a circle of radius one."""

from __future__ import annotations

import numpy as np

CORE_KINDS = ("circle", "square", "triangle", "star", "ring")
KINDS = (
    *CORE_KINDS,
    "heart",
    "arrow",
    "cross",
    "diamond",
    "hexagon",
    "moon",
    "oval",
    "rectangle",
    "drop",
    "flower",
    "letter",
    "blob",
)

_POINTS = 96

# Capital letters that one polygon can draw, on a grid with y downwards.
_LETTERS = {
    "E": "0,0 5,0 5,1.4 1.6,1.4 1.6,2.8 4.4,2.8 4.4,4.2 1.6,4.2 1.6,5.6 5,5.6 5,7 0,7",
    "F": "0,0 5,0 5,1.4 1.6,1.4 1.6,2.8 4.4,2.8 4.4,4.2 1.6,4.2 1.6,7 0,7",
    "H": "0,0 1.6,0 1.6,2.7 3.6,2.7 3.6,0 5.2,0 5.2,7 3.6,7 3.6,4.2 1.6,4.2 1.6,7 0,7",
    "K": "0,0 1.6,0 1.6,2.6 3.4,0 5.4,0 2.9,3.5 5.4,7 3.4,7 1.6,4.4 1.6,7 0,7",
    "L": "0,0 1.6,0 1.6,5.5 5,5.5 5,7 0,7",
    "N": "0,0 1.6,0 3.8,4.2 3.8,0 5.4,0 5.4,7 3.8,7 1.6,2.8 1.6,7 0,7",
    "T": "0,0 5.4,0 5.4,1.5 3.5,1.5 3.5,7 1.9,7 1.9,1.5 0,1.5",
    "V": "0,0 1.7,0 2.8,4.6 3.9,0 5.6,0 3.7,7 1.9,7",
    "X": "0,0 1.8,0 2.9,2.2 4,0 5.8,0 3.8,3.5 5.8,7 4,7 2.9,4.8 1.8,7 0,7 2,3.5",
    "Z": "0,0 5.2,0 5.2,1.4 2,5.6 5.2,5.6 5.2,7 0,7 0,5.6 3.2,1.4 0,1.4",
}


def outline(kind: str, variant: int = 0, roughness: float = 0.0) -> list[np.ndarray]:
    """Closed contours of a kind, each float [points, 2] with |point| <= about 1, y downwards.

    A second contour is a hole. variant: picks the letter or the blob. roughness: the amplitude of
    a smooth hand-drawn wobble, as a fraction of the radius.
    """
    contours = _KINDS[kind](variant)
    return [_wobble(c, variant, roughness) for c in contours] if roughness else contours


def _polar(radius: np.ndarray | float, points: int = _POINTS, start: float = 0.0) -> np.ndarray:
    angle = start + np.arange(points) * 2 * np.pi / points
    return np.stack([radius * np.sin(angle), -radius * np.cos(angle)], axis=1)


def _polygon(text: str) -> list[np.ndarray]:
    """A polygon given as `x,y x,y ...`, centred and scaled into the unit circle."""
    points = np.array([[float(v) for v in pair.split(",")] for pair in text.split()])
    points -= (points.min(0) + points.max(0)) / 2
    return [points / np.linalg.norm(points, axis=1).max()]


def _star(_: int) -> list[np.ndarray]:
    return [_polar(np.array([1.0, 0.42] * 5), 10)]


def _heart(_: int) -> list[np.ndarray]:
    t = np.arange(_POINTS) * 2 * np.pi / _POINTS
    x = 16 * np.sin(t) ** 3
    y = -(13 * np.cos(t) - 5 * np.cos(2 * t) - 2 * np.cos(3 * t) - np.cos(4 * t)) - 2.5
    return [np.stack([x, y], axis=1) / 18]


def _moon(_: int) -> list[np.ndarray]:
    outer = np.linspace(-0.75 * np.pi, 0.75 * np.pi, _POINTS // 2)
    inner = np.linspace(0.5 * np.pi, -0.5 * np.pi, _POINTS // 2)
    rim = np.stack([-np.cos(outer), np.sin(outer)], axis=1)
    bite = np.stack([0.707 - 0.95 * np.cos(inner), 0.707 * np.sin(inner)], axis=1)
    return [(np.concatenate([rim, bite]) + np.array([0.2, 0])) / 1.16]


def _drop(_: int) -> list[np.ndarray]:
    t = np.arange(_POINTS) * 2 * np.pi / _POINTS
    return [np.stack([0.95 * np.sin(t) * np.sin(t / 2) ** 1.5, -np.cos(t)], axis=1)]


def _flower(_: int) -> list[np.ndarray]:
    t = np.arange(_POINTS) * 2 * np.pi / _POINTS
    return [_polar(0.76 + 0.24 * np.cos(6 * t))]


def _blob(variant: int) -> list[np.ndarray]:
    rng = np.random.default_rng(variant)
    t = np.arange(_POINTS) * 2 * np.pi / _POINTS
    radius = 1.0 + sum(
        rng.uniform(0.05, 0.22) * np.cos(k * t + rng.uniform(0, 7)) for k in (2, 3, 5)
    )
    return [_polar(radius / radius.max())]


def _letter(variant: int) -> list[np.ndarray]:
    return _polygon(list(_LETTERS.values())[variant % len(_LETTERS)])


def _wobble(points: np.ndarray, seed: int, roughness: float) -> np.ndarray:
    """Resample the contour densely and push it about by a smooth displacement of the plane."""
    following = np.roll(points, -1, axis=0)
    steps = np.linspace(0, 1, max(2, 160 // len(points)), endpoint=False)[:, None]
    dense = np.concatenate([a + (b - a) * steps for a, b in zip(points, following, strict=True)])
    rng = np.random.default_rng(seed)
    moved = dense.copy()
    for _ in range(4):
        wave, phase = rng.normal(0, 3.0, 2), rng.uniform(0, 2 * np.pi)
        moved += roughness * np.sin(dense @ wave + phase)[:, None] * rng.normal(0, 0.7, 2)
    return moved


_KINDS = {
    "circle": lambda _: [_polar(1.0)],
    "square": lambda _: [_polar(1.0, 4, np.pi / 4)],
    "triangle": lambda _: [_polar(1.0, 3)],
    "star": _star,
    "ring": lambda _: [_polar(1.0), _polar(0.55)],
    "heart": _heart,
    "arrow": lambda _: _polygon("0,2 4,2 4,0 7.5,3.5 4,7 4,5 0,5"),
    "cross": lambda _: _polygon("2,0 5,0 5,2 7,2 7,5 5,5 5,7 2,7 2,5 0,5 0,2 2,2"),
    "diamond": lambda _: [_polar(np.array([1.0, 0.65, 1.0, 0.65]), 4)],
    "hexagon": lambda _: [_polar(1.0, 6)],
    "moon": _moon,
    "oval": lambda _: [_polar(1.0) * np.array([1.0, 0.6])],
    "rectangle": lambda _: _polygon("0,0 9,0 9,5 0,5"),
    "drop": _drop,
    "flower": _flower,
    "letter": _letter,
    "blob": _blob,
}
