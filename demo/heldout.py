"""The held-out scenes that measures and samples are taken on.

`python -m demo.heldout` writes those that backends are judged by: `demo/pictures/`.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

from demo.shapes import Scene, caption, render, sample_scene

PICTURES = Path(__file__).parent / "pictures"
_COUNT = 40


def held_out_scenes(number: int, name: str, **options: object) -> Iterator[Scene]:
    """The scenes of one measure, the same in every run; options are those of `sample_scene`."""
    rng = np.random.default_rng([2, *name.encode()])
    for _ in tqdm(range(number), desc=name, mininterval=5):
        yield sample_scene(rng, held_out=True, **options)


def write_pictures(folder: Path) -> None:
    """Renders, 00.png and so on, and their captions, a line each in prompts.txt."""
    folder.mkdir(parents=True, exist_ok=True)
    scenes = list(held_out_scenes(_COUNT, "optimise_generator"))
    for index, scene in enumerate(scenes):
        Image.fromarray(render(scene)).save(folder / f"{index:02}.png", optimize=True)
    (folder / "prompts.txt").write_text("".join(f"{caption(scene)}\n" for scene in scenes))


if __name__ == "__main__":
    write_pictures(PICTURES)
