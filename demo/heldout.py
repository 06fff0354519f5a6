"""The held-out scenes that measures and samples are taken on.

`python -m demo.heldout` writes those that backends are judged by: `demo/pictures/`.
`python -m demo.heldout FOLDER --count 40` writes pictures of a single shape, and what they show.
"""

from __future__ import annotations

import argparse
import csv
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


def write_labelled(folder: Path, count: int, wide: bool = False) -> None:
    """Single shapes, 000.png and so on; inputs.csv: image_path,label,caption. And prompts.csv, to
    make them anew from their edges: id,prompt,label,image_path,reference_path,seed.

    The scenes are those of `python -m demo.evaluate classifier`.
    """
    name, chance = ("classifier_wide", 1.0) if wide else ("classifier_core", 0.0)
    scenes = held_out_scenes(count, name, count=1, wide=chance)
    folder.mkdir(parents=True, exist_ok=True)
    inputs = [["image_path", "label", "caption"]]
    prompts = [["id", "prompt", "label", "image_path", "reference_path", "seed"]]
    for index, scene in enumerate(scenes):
        name, kind, text = f"{index:03}", scene.shapes[0].kind, caption(scene)
        picture = f"{name}.png"
        Image.fromarray(render(scene)).save(folder / picture, optimize=True)
        inputs.append([picture, kind, text])
        prompts.append([name, text, kind, picture, picture, str(index)])
    for table, rows in (("inputs.csv", inputs), ("prompts.csv", prompts)):
        with (folder / table).open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--wide", action="store_true", help="all 17 kinds, not the core five")
    options = parser.parse_args()
    if options.folder is None:
        write_pictures(PICTURES)
    else:
        write_labelled(options.folder, options.count, options.wide)
