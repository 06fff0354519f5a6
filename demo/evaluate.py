"""Measure the trained demo models on scenes that they were never trained on.

`python -m demo.evaluate [generator|masks|captioner|upscaler|classifier] --count 200` prints
every measure and ends with one line of JSON. `generator --url http://127.0.0.1:8000`, or `masks`,
measures a running service.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from PIL import Image

from demo import measures
from demo.evaluate_generator import evaluate_generator
from demo.evaluate_masks import evaluate_masks
from demo.export import WEIGHTS
from demo.heldout import held_out_scenes
from demo.served import Captioner, Classifier, Generator, Upscaler
from demo.shapes import caption, render
from demo.textures import sample_texture
from demo.train_upscaler import SCALES, shrink
from serve_app.imaging.comparison import psnr

Measures = dict[str, float]


def evaluate_captioner(count: int, _url: str | None) -> Measures:
    """Held-out pictures whose caption has exactly the right words."""
    captioner = Captioner()
    return {
        f"captions_{name}": float(
            np.mean(
                [
                    measures.same_words(captioner.describe(render(scene)), caption(scene))
                    for scene in held_out_scenes(count, f"captions_{name}", wide=wide)
                ]
            )
        )
        for name, wide in {"exact": 0.0, "exact_wide": 1.0}.items()
    }


def evaluate_upscaler(count: int, _url: str | None) -> Measures:
    """Decibels over bicubic: renders, other pictures, and photographs where they are at hand."""
    results: Measures = {}
    for scale in SCALES:
        upscaler = Upscaler(scale)
        rng = np.random.default_rng(3)
        renders = (render(scene, 256) for scene in held_out_scenes(count, f"renders_x{scale}"))
        results[f"x{scale}_renders_db"] = _gain(upscaler, renders)
        others = (sample_texture(rng, 256) for _ in range(max(count // 4, 1)))
        results[f"x{scale}_textures_db"] = _gain(upscaler, others)
        if photographs := _photographs():
            results[f"x{scale}_photographs_db"] = _gain(upscaler, photographs)
    return results


def _gain(upscaler: Upscaler, images: Iterator[np.ndarray] | list[np.ndarray]) -> float:
    gains = []
    for image in images:
        small = shrink(image, upscaler.scale, "cubic")
        height, width = image.shape[:2]
        bicubic = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
        enlarged = upscaler.enlarge(small)
        gains.append(psnr(enlarged, image) - psnr(np.asarray(bicubic), image))
    return float(np.mean(gains))


def _photographs() -> list[np.ndarray]:
    """The two photographs of scikit-learn, cropped to a multiple of 32, if it is installed."""
    try:
        from sklearn.datasets import load_sample_images
    except ImportError:
        return []
    return [image[:416, :640] for image in load_sample_images().images]


def evaluate_classifier(count: int, _url: str | None) -> Measures:
    """Held-out pictures of a single shape."""
    classifier = Classifier()
    return {
        f"classifier_{name}": float(
            np.mean(
                [
                    classifier.label(render(scene)) == scene.shapes[0].kind
                    for scene in held_out_scenes(count, f"classifier_{name}", count=1, wide=wide)
                ]
            )
        )
        for name, wide in {"core": 0.0, "wide": 1.0}.items()
    }


_EVALUATIONS: dict[str, Callable[[int, str | None], Measures]] = {
    "generator": evaluate_generator,
    "masks": evaluate_masks,
    "captioner": evaluate_captioner,
    "upscaler": evaluate_upscaler,
    "classifier": evaluate_classifier,
}


def evaluate_footprint() -> Measures:
    """The size of all weights, and the time to load every model."""
    files = [path for path in WEIGHTS.rglob("*") if path.is_file()]
    started = time.monotonic()
    for load in (Generator, Captioner, lambda: Upscaler(2), lambda: Upscaler(4), Classifier):
        load()
    seconds = time.monotonic() - started
    return {"weights_mb": sum(path.stat().st_size for path in files) / 1e6, "load_seconds": seconds}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "models", nargs="*", metavar="model", help="which to measure, otherwise all"
    )
    parser.add_argument("--count", type=int, default=200, help="pictures for each measure")
    parser.add_argument("--url", help="measure the generator of a running service")
    parser.add_argument("--threads", type=int, default=1, help="processor cores to use")
    options = parser.parse_args(arguments)
    if unknown := set(options.models) - set(_EVALUATIONS):
        parser.error(f"unknown model: {', '.join(sorted(unknown))}")
    torch.set_num_threads(options.threads)
    results = evaluate_footprint()
    for model in options.models or _EVALUATIONS:
        results |= _EVALUATIONS[model](options.count, options.url)
    for name, value in results.items():
        print(f"{name:32} {value:8.3f}")
    print(json.dumps({"count": options.count, "url": options.url} | results))


if __name__ == "__main__":
    main()
