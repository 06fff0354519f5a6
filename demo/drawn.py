"""Pictures by the trained generator, from which the captioner learns how its shapes look."""

from __future__ import annotations

import numpy as np
from tqdm import tqdm

from demo import measures
from demo.control import sketch
from demo.evaluate_generator import sample_upload
from demo.served import Generator
from demo.shapes import Scene, caption, sample_scene

_SKETCHED = 0.3
_SKETCH_SIZE = 256


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
            scene = sample_scene(rng, held_out=False, wide=wide)
            sketched = rng.random() < _SKETCHED
            control = sketch(rng, scene, _SKETCH_SIZE) if sketched else sample_upload(rng, scene)
            image = generator.draw(caption(scene), int(rng.integers(2**31)), control)
            if _right_colors(scene, image):
                pictures.append((scene, image))
                bar.update()
    return pictures


def _right_colors(scene: Scene, image: np.ndarray) -> bool:
    wanted = [shape.color for shape in scene.shapes]
    return (
        measures.shape_colors(image, scene) == wanted
        and measures.background_color(image, scene) == scene.background
    )
