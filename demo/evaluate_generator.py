"""Measure the generator on held-out scenes: under control, and from text alone."""

from __future__ import annotations

import time

import numpy as np

from demo import measures
from demo.control import canny
from demo.fitting import regions
from demo.heldout import held_out_scenes
from demo.served import Captioner, Generator, RemoteGenerator, resize
from demo.shapes import Scene, caption, parse_caption, render
from serve_app.imaging.comparison import edge_f1

_CASES: dict[str, dict[str, object]] = {
    "control": {"same_kind": False},
    "control_two_alike": {"same_kind": True, "count": 2},
    "control_wide": {"wide": 1.0},
}


def evaluate_generator(count: int, url: str | None) -> dict[str, float]:
    """Colours and edges under control, colours and shapes from text, and the time for one image."""
    generator = RemoteGenerator(url) if url else Generator()
    captioner = Captioner()
    results: dict[str, float] = {}
    seconds: list[float] = []
    for name, options in _CASES.items():
        results |= _controlled(generator, captioner, count, name, options, seconds)
    results["seconds_per_image"] = float(np.mean(seconds))
    return results | _text_only(generator, captioner, count)


def _controlled(
    generator: Generator | RemoteGenerator,
    captioner: Captioner,
    count: int,
    name: str,
    options: dict[str, object],
    seconds: list[float],
) -> dict[str, float]:
    shapes, backgrounds, whole, f1, shuffled, captions, apart = [], [], [], [], [], [], []
    rng = np.random.default_rng(0)
    previous = None
    for seed, scene in enumerate(held_out_scenes(count, name, **options)):
        control = sample_upload(rng, scene)
        started = time.monotonic()
        image = generator.draw(caption(scene), seed, control)
        seconds.append(time.monotonic() - started)
        right = [
            color == shape.color
            for color, shape in zip(measures.shape_colors(image, scene), scene.shapes, strict=True)
        ]
        shapes += right
        backgrounds.append(measures.background_color(image, scene) == scene.background)
        whole.append(all(right) and backgrounds[-1])
        wanted, found = canny(resize(control, len(image))), canny(image)
        f1.append(edge_f1(found, wanted))
        if previous is not None:
            shuffled.append(edge_f1(found, previous))
        previous = wanted
        captions.append(measures.same_words(captioner.describe(image), caption(scene)))
        apart += measures.outline_distances(image, scene)
    return {
        f"{name}_shape_color": float(np.mean(shapes)),
        f"{name}_background_color": float(np.mean(backgrounds)),
        f"{name}_picture": float(np.mean(whole)),
        f"{name}_edge_f1": float(np.mean(f1)),
        f"{name}_outline_px": float(np.mean(apart)),
        f"{name}_edge_f1_shuffled": float(np.mean(shuffled)),
        f"{name}_captioned_right": float(np.mean(captions)),
    }


def _text_only(
    generator: Generator | RemoteGenerator, captioner: Captioner, count: int
) -> dict[str, float]:
    sets, pairs, outlined, apart = [], [], [], []
    for seed, scene in enumerate(held_out_scenes(count, "text_only")):
        image = generator.draw(caption(scene), seed)
        wanted = {scene.background, *(shape.color for shape in scene.shapes)}
        sets.append(measures.color_set(image) == wanted)
        found, _ = parse_caption(captioner.describe(image))
        pairs.append(measures.share_of_pairs(found, parse_caption(caption(scene))[0]))
        drawn = regions(image)
        wanted_pairs = [(shape.color, shape.kind, False) for shape in scene.shapes]
        fitting = [(each.color, each.kind, False) for each in drawn if each.kind]
        outlined.append(measures.share_of_pairs(fitting, wanted_pairs))
        apart += [each.distance for each in drawn if each.kind]
    return {
        "text_only_color_set": float(np.mean(sets)),
        "text_only_pairs_recognised": float(np.mean(pairs)),
        "text_only_pairs_by_outline": float(np.mean(outlined)),
        "text_only_outline_px": float(np.mean(apart)) if apart else float("nan"),
    }


def sample_upload(rng: np.random.Generator, scene: Scene) -> np.ndarray:
    """A picture that a user brings: any size, uint8 [n, n, 3], half of them with inverted colours.

    Only its edges can tell what to draw, since its colours are not the prompt's.
    """
    image = render(scene, int(rng.integers(96, 1025)))
    return 255 - image if rng.random() < 0.5 else image
