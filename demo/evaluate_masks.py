"""Measure masked edits: one shape of a held-out scene becomes another, and nothing else changes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from demo import measures
from demo.evaluate_generator import sample_upload
from demo.heldout import held_out_scenes
from demo.outlines import CORE_KINDS
from demo.served import Captioner, Generator, RemoteGenerator
from demo.shapes import COLORS, Scene, caption, parse_caption, render

_MARGIN = 8 / 128  # a latent's width around the shape, as a generous brush leaves


def evaluate_masks(count: int, url: str | None) -> dict[str, float]:
    """The share of edits whose new shape has the right colour and kind, along edges and without,
    and of pixels outside the mask that are the input's."""
    generator = RemoteGenerator(url) if url else Generator()
    captioner = Captioner()
    results: dict[str, float] = {}
    for name, along_edges in {"masked_edges": True, "masked_text_only": False}.items():
        colors, kinds, right, kept = [], [], [], []
        rng = np.random.default_rng(0)
        for seed, scene in enumerate(held_out_scenes(count, name)):
            which = int(rng.integers(len(scene.shapes)))
            image = render(changed(rng, scene, which), int(rng.integers(96, 513)))
            mask = brushed(scene, which, len(image))
            control = sample_upload(rng, scene) if along_edges else None
            made = generator.edit(caption(scene), seed, image, mask, control)
            kept.append(float(np.array_equal(made[mask == 0], image[mask == 0])))
            wanted = scene.shapes[which]
            colors.append(measures.shape_colors(made, scene)[which] == wanted.color)
            named, _ = parse_caption(captioner.describe(made))
            kinds.append(len(named) > which and named[which][1] == wanted.kind)
            right.append(colors[-1] and kinds[-1])
        results |= {
            f"{name}_color": float(np.mean(colors)),
            f"{name}_kind": float(np.mean(kinds)),
            f"{name}_right": float(np.mean(right)),
            f"{name}_rest_untouched": float(np.mean(kept)),
        }
    return results


def changed(rng: np.random.Generator, scene: Scene, which: int) -> Scene:
    """The scene with another kind and colour of one shape: what the edit begins with."""
    shape = scene.shapes[which]
    kinds = [kind for kind in CORE_KINDS if kind != shape.kind]
    colors = [color for color in COLORS if color not in (shape.color, scene.background)]
    other = replace(shape, kind=str(rng.choice(kinds)), color=str(rng.choice(colors)))
    shapes = (*scene.shapes[:which], other, *scene.shapes[which + 1 :])
    return replace(scene, shapes=shapes)


def brushed(scene: Scene, which: int, size: int) -> np.ndarray:
    """A disc over the place of one shape, with a margin: uint8 [size, size], 255 is made anew."""
    shape = scene.shapes[which]
    y, x = (np.mgrid[:size, :size] + 0.5) / size
    within = np.hypot(x - shape.x, y - shape.y) < shape.radius + _MARGIN
    return np.where(within, 255, 0).astype(np.uint8)
