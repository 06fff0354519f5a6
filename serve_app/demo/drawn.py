"""Pictures by the trained generator, from which the captioner learns how its shapes look."""

from __future__ import annotations

import numpy as np
from tqdm import tqdm

from serve_app.demo import architectures, measures
from serve_app.demo.control import sample_control
from serve_app.demo.served import Generator
from serve_app.demo.shapes import Scene, caption, sample_scene

_BATCH = 8


def draw_pictures(
    rng: np.random.Generator, count: int, wide: float
) -> list[tuple[Scene, np.ndarray]]:
    """Training scenes drawn along their edges, each with its picture, uint8 [128, 128, 3].

    The edges see to it that the shapes are those of the scene; a picture with a wrong colour is
    left out, so no caption is taught that its picture does not show.
    """
    generator = Generator()
    pictures: list[tuple[Scene, np.ndarray]] = []
    with tqdm(total=count, desc="pictures by the generator", mininterval=10) as bar:
        while len(pictures) < count:
            scenes = [sample_scene(rng, held_out=False, wide=wide) for _ in range(_BATCH)]
            edges = [sample_control(rng, scene, architectures.IMAGE_SIZE) for scene in scenes]
            seeds = [int(seed) for seed in rng.integers(2**31, size=_BATCH)]
            images = generator.draw_batch([caption(scene) for scene in scenes], seeds, edges)
            right = [pair for pair in zip(scenes, images, strict=True) if _right_colors(*pair)]
            pictures += right
            bar.update(len(right))
    return pictures


def _right_colors(scene: Scene, image: np.ndarray) -> bool:
    wanted = [shape.color for shape in scene.shapes]
    return (
        measures.shape_colors(image, scene) == wanted
        and measures.background_color(image, scene) == scene.background
    )
