"""What a backend's outputs are worth against eager's, and what is good enough."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np
from PIL import Image

from demo import measures
from demo.control import canny
from demo.shapes import caption, render
from serve_app.jobs.optimise.subjects import SIDE, scenes_of, small_renders
from serve_app.messages import Pixels

Measures = dict[str, float]


@dataclass(frozen=True)
class Threshold:
    """A limit to one measure: absolute, or for its loss against eager."""

    measure: str
    at_least: float | None = None
    at_most: float | None = None
    loses_at_most: float | None = None

    def failure(self, measured: Measures, eager: Measures) -> str | None:
        """Why it does not pass, if so."""
        value = measured[self.measure]
        if self.at_least is not None and not value >= self.at_least:
            return f"{self.measure} {value:.1f} is below {self.at_least:g}"
        if self.at_most is not None and not value <= self.at_most:
            return f"{self.measure} {value:.1f} is over {self.at_most:g}"
        if self.loses_at_most is not None:
            lost = eager[self.measure] - value
            if not lost <= self.loses_at_most:
                return f"{self.measure} loses {lost:.1f}, over {self.loses_at_most:g}"
        return None


# At 40 dB nobody tells two pictures apart, and 45 keeps an enlargement's own error, some 30 dB,
# what it was. A point is a scene in a hundred. The rest of a batch may change a picture by 1/255.
THRESHOLDS: dict[str, list[Threshold]] = {
    "generator": [
        Threshold("psnr_db", at_least=40),
        Threshold("shape_colors", loses_at_most=1),
        Threshold("background_color", loses_at_most=1),
        Threshold("edge_f1", loses_at_most=1),
        Threshold("batch_difference", at_most=1),
    ],
    "captioner": [
        Threshold("exact_words", loses_at_most=1),
        Threshold("batch_difference", at_most=0),
    ],
    "upscaler": [Threshold("psnr_db", at_least=45), Threshold("batch_difference", at_most=1)],
}


def failures(kind: str, measured: Measures, eager: Measures) -> list[str]:
    """Every reason that a backend does not pass; none if it does."""
    found = [gate.failure(measured, eager) for gate in THRESHOLDS[kind]]
    return [reason for reason in found if reason is not None]


def generator(outputs: list[Pixels], eager: list[Pixels], count: int) -> Measures:
    """Shares in percent: colours where they belong, and edges along the given ones."""
    shapes, backgrounds, edges = [], [], []
    for image, scene in zip(outputs, scenes_of("generator", count), strict=False):
        found = measures.shape_colors(image, scene)
        shapes += [a == shape.color for a, shape in zip(found, scene.shapes, strict=True)]
        backgrounds.append(measures.background_color(image, scene) == scene.background)
        edges.append(measures.edge_f1(canny(image), canny(render(scene, len(image)))))
    return {
        "psnr_db": _psnr(outputs, eager),
        "shape_colors": _percent(shapes),
        "background_color": _percent(backgrounds),
        "edge_f1": _percent(edges),
    }


def captioner(outputs: list[str], eager: list[str], count: int) -> Measures:
    """Percent of captions that are eager's, and that have exactly the right words."""
    truths = [caption(scene) for scene in scenes_of("captioner", count)]
    right = [measures.same_words(a, b) for a, b in zip(outputs, truths, strict=True)]
    same = [a == b for a, b in zip(outputs, eager, strict=True)]
    return {"same_captions": _percent(same), "exact_words": _percent(right)}


def upscaler(
    outputs: list[tuple[int, Pixels]], eager: list[tuple[int, Pixels]], count: int
) -> Measures:
    """Decibels to eager's, and to the truth over bicubic's."""
    gains = []
    truths = [render(scene, SIDE) for scene in scenes_of("upscaler", count)]
    small = {scale: iter(small_renders(scale, count)) for scale, _ in outputs}
    for (scale, image), truth in zip(outputs, cycle(truths), strict=False):
        shrunk = Image.fromarray(next(small[scale]))
        bicubic = np.asarray(shrunk.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
        gains.append(measures.psnr(image, truth) - measures.psnr(bicubic, truth))
    psnr = _psnr([image for _, image in outputs], [image for _, image in eager])
    return {"psnr_db": psnr, "over_bicubic_db": float(np.mean(gains))}


QUALITY: dict[str, Any] = {"generator": generator, "captioner": captioner, "upscaler": upscaler}


def _psnr(images: Sequence[Pixels], others: Sequence[Pixels]) -> float:
    """Over all their pixels together, so that one bad picture counts."""
    return measures.psnr(np.stack(images), np.stack(others))


def _percent(values: Sequence[float]) -> float:
    return 100 * float(np.mean(values))
