"""The demo's world: one to three flat shapes on a plain background, with captions.

A `Scene` is drawn by `render`, told by `caption` and read back by `parse_caption`. Shapes never
overlap, and a caption names them from left to right, so a picture has exactly one caption.
Scenes whose caption is held out by its hash are never trained on: `is_held_out`.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

import cv2
import numpy as np

from demo.outlines import CORE_KINDS, KINDS, outline

COLORS: dict[str, tuple[int, int, int]] = {
    "red": (220, 40, 40),
    "green": (40, 165, 65),
    "blue": (40, 80, 220),
    "yellow": (245, 215, 50),
    "orange": (245, 135, 30),
    "purple": (150, 60, 185),
    "white": (245, 245, 245),
    "black": (20, 20, 20),
}
PALETTE = np.array(list(COLORS.values()), dtype=np.float32)

_SUPERSAMPLING = 4
_RADII = {1: (0.18, 0.40), 2: (0.14, 0.25), 3: (0.12, 0.20)}
# Side by side, the middle one of three above or below the others: places, and radii that fit.
_PLACES = {
    1: [(0.5, 0.5)],
    2: [(0.27, 0.5), (0.73, 0.5)],
    3: [(0.2, 0.64), (0.5, 0.36), (0.8, 0.64)],
}
_ARRANGED_RADII = {1: (0.28, 0.36), 2: (0.18, 0.22), 3: (0.13, 0.16)}
_PLACES_JITTER = {1: (0.05, 0.05), 2: (0.03, 0.12), 3: (0.02, 0.05)}
_UPRIGHT = 0.2
_HELD_OUT_ONE_IN = 12
_PHRASE = re.compile(rf"\ban? (striped )?({'|'.join(COLORS)}) ({'|'.join(KINDS)})\b")
_BACKGROUND = re.compile(rf"\bon an? ({'|'.join(COLORS)}) background\b")


@dataclass(frozen=True)
class Shape:
    """One shape; `x`, `y` and `radius` are fractions of the image's side, `angle` is in radians."""

    kind: str
    color: str
    x: float
    y: float
    radius: float
    angle: float = 0.0
    variant: int = 0
    roughness: float = 0.0
    striped: bool = False

    def contours(self, size: int) -> list[np.ndarray]:
        """The closed outlines in pixels of a `size` x `size` image, each float [points, 2]."""
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        turn = np.array([[cos, sin], [-sin, cos]])
        centre = np.array([self.x, self.y])
        unit = outline(self.kind, self.variant, self.roughness)
        return [(points @ turn * self.radius + centre) * size for points in unit]

    def mask(self, size: int) -> np.ndarray:
        """Coverage of each pixel, float32 [size, size] in [0, 1], anti-aliased."""
        contours = [contour * _SUPERSAMPLING for contour in self.contours(size)]
        # Only the pixels near the shape are drawn, since drawing is much of the cost of training.
        points = np.concatenate(contours) / _SUPERSAMPLING
        left, top = np.clip(np.floor(points.min(0)).astype(int), 0, size)
        right, bottom = np.clip(np.ceil(points.max(0)).astype(int) + 1, 0, size)
        coverage = np.zeros((size, size), dtype=np.float32)
        if right <= left or bottom <= top:
            return coverage
        width, height = right - left, bottom - top
        large = np.zeros((height * _SUPERSAMPLING, width * _SUPERSAMPLING), dtype=np.uint8)
        corner = np.array([left, top]) * _SUPERSAMPLING
        cv2.fillPoly(large, [np.round(c - corner).astype(np.int32) for c in contours], 255)
        if self.striped:
            y, x = np.mgrid[: large.shape[0], : large.shape[1]]
            x, y = (
                (x + corner[0]) / (size * _SUPERSAMPLING),
                (y + corner[1]) / (size * _SUPERSAMPLING),
            )
            across = (x - self.x) * np.cos(self.variant) + (y - self.y) * np.sin(self.variant)
            large[np.floor(across / (0.3 * self.radius)) % 2 == 1] = 0
        small = cv2.resize(large, (int(width), int(height)), interpolation=cv2.INTER_AREA)
        coverage[top:bottom, left:right] = small.astype(np.float32) / 255
        return coverage


@dataclass(frozen=True)
class Scene:
    """Shapes from left to right on a background colour."""

    shapes: tuple[Shape, ...]
    background: str


def render(scene: Scene, size: int = 128) -> np.ndarray:
    """Draw the scene: uint8 [size, size, 3], RGB."""
    image = np.empty((size, size, 3), dtype=np.float32)
    image[:] = COLORS[scene.background]
    for shape in scene.shapes:
        coverage = shape.mask(size)[..., None]
        image += coverage * (np.array(COLORS[shape.color], dtype=np.float32) - image)
    return np.round(image).astype(np.uint8)


def phrase(shape: Shape) -> str:
    """A shape in words: `a red circle`, `an orange star`, `a striped blue heart`."""
    words = f"{'striped ' if shape.striped else ''}{shape.color} {shape.kind}"
    return f"{'an' if words[0] in 'aeiou' else 'a'} {words}"


def background_phrase(color: str) -> str:
    """The background in words: `on a yellow background`."""
    return f"on {'an' if color[0] in 'aeiou' else 'a'} {color} background"


def join(phrases: list[str]) -> str:
    """Join as English does: `x`, `x and y`, `x, y and z`."""
    return " and ".join([", ".join(phrases[:-1]), phrases[-1]] if len(phrases) > 1 else phrases)


def caption(scene: Scene) -> str:
    """The scene's one caption, shapes from left to right."""
    shapes = join([phrase(shape) for shape in scene.shapes])
    return f"{shapes} {background_phrase(scene.background)}"


def parse_caption(text: str) -> tuple[list[tuple[str, str, bool]], str | None]:
    """Read a caption back: ([(color, kind, striped), ...], background or None)."""
    shapes = [(color, kind, bool(stripes)) for stripes, color, kind in _PHRASE.findall(text)]
    background = _BACKGROUND.search(text)
    return shapes, background.group(1) if background else None


def is_held_out(scene: Scene) -> bool:
    """Whether this combination of shapes and background, in any order, is kept for evaluation."""
    words = " ".join([*sorted(phrase(shape) for shape in scene.shapes), scene.background])
    return int(hashlib.sha256(words.encode()).hexdigest(), 16) % _HELD_OUT_ONE_IN == 0


def sample_scene(
    rng: np.random.Generator,
    *,
    held_out: bool,
    count: int | None = None,
    wide: float = 0.0,
    same_kind: bool | None = None,
    arranged: bool = False,
) -> Scene:
    """Draw a scene at random from one side of the split.

    count: how many shapes, or any. wide: the chance that a scene uses every kind, stripes and rough
    outlines rather than the five core kinds. same_kind: whether two shapes must be (True) or must
    not be (False) alike. arranged: upright and side by side, as someone would who may choose.
    """
    while True:
        scene = _sample_any(
            rng, count or int(rng.choice([1, 2, 3])), rng.random() < wide, same_kind, arranged
        )
        if is_held_out(scene) == held_out:
            return scene


def _sample_any(
    rng: np.random.Generator, count: int, wide: bool, same_kind: bool | None, arranged: bool
) -> Scene:
    kinds = list(rng.choice(KINDS if wide else CORE_KINDS, count, replace=False))
    if count > 1 and (same_kind or (same_kind is None and rng.random() < 0.3)):
        kinds[1] = kinds[0]
        rng.shuffle(kinds)
    background, *others = rng.permutation(list(COLORS))
    colors = rng.choice(others, count, replace=rng.random() < 0.15)
    layout = _arranged if arranged else _layout
    shapes = [
        Shape(
            kind=str(kind),
            color=str(color),
            x=x,
            y=y,
            radius=radius,
            angle=float(rng.uniform(-0.3, 0.3) * (_UPRIGHT if arranged else 1)),
            variant=int(rng.integers(1000)),
            roughness=float(rng.uniform(0, 0.06)) if wide and rng.random() < 0.5 else 0.0,
            striped=bool(wide and rng.random() < 0.15),
        )
        for kind, color, (x, y, radius) in zip(kinds, colors, layout(rng, count), strict=True)
    ]
    return Scene(tuple(shapes), str(background))


def _layout(rng: np.random.Generator, count: int) -> list[tuple[float, float, float]]:
    """Circles (x, y, radius) that do not touch, sorted by x, no two nearly above each other."""
    while True:
        radii = rng.uniform(*_RADII[count], count)
        centres = np.sort(rng.uniform(radii.max() + 0.02, 0.98 - radii.max(), (count, 2)), axis=0)
        rng.shuffle(centres[:, 1])
        gaps = [
            np.hypot(*(centres[i] - centres[j])) - radii[i] - radii[j]
            for i in range(count)
            for j in range(i)
        ]
        if min(gaps, default=1) > 0.03 and np.diff(centres[:, 0]).min(initial=1) > 0.06:
            return [
                (float(x), float(y), float(r)) for (x, y), r in zip(centres, radii, strict=True)
            ]


def _arranged(rng: np.random.Generator, count: int) -> list[tuple[float, float, float]]:
    """As `_layout`, side by side and of nearly equal size."""
    places = np.array(_PLACES[count])
    if rng.random() < 0.5:
        places[:, 1] = 1 - places[:, 1]
    jitter = np.array(_PLACES_JITTER[count])
    while True:
        centres = places + rng.uniform(-jitter, jitter, (count, 2))
        radii = rng.uniform(*_ARRANGED_RADII[count], count)
        gaps = [
            np.hypot(*(centres[i] - centres[j])) - radii[i] - radii[j]
            for i in range(count)
            for j in range(i)
        ]
        if min(gaps, default=1) > 0.03:
            return [
                (float(x), float(y), float(r)) for (x, y), r in zip(centres, radii, strict=True)
            ]
