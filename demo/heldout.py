"""The held-out scenes that measures and samples are taken on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from tqdm import tqdm

from demo.shapes import Scene, sample_scene


def held_out_scenes(number: int, name: str, **options: object) -> Iterator[Scene]:
    """The scenes of one measure, the same in every run; options are those of `sample_scene`."""
    rng = np.random.default_rng([2, *name.encode()])
    for _ in tqdm(range(number), desc=name, mininterval=5):
        yield sample_scene(rng, held_out=True, **options)
