"""The generator's model card: what it draws, prompts and sketches that work, and its words."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import yaml
from PIL import Image

from demo.shapes import Scene, Shape, caption
from demo.vocabulary import CAPTION_WORDS, FILLER_WORDS

DESCRIPTION = (
    "One to three flat shapes on a plain background, in eight colours. Give it a sketch: from text "
    "alone one shape in three is a blob."
)
SCENES = (
    Scene(
        (Shape("circle", "red", 0.28, 0.5, 0.19), Shape("square", "blue", 0.73, 0.5, 0.22)),
        "white",
    ),
    Scene((Shape("star", "yellow", 0.5, 0.52, 0.36),), "blue"),
    Scene(
        (Shape("triangle", "green", 0.3, 0.6, 0.22), Shape("ring", "orange", 0.72, 0.38, 0.2)),
        "black",
    ),
    Scene((Shape("heart", "purple", 0.5, 0.5, 0.36),), "yellow"),
    Scene(
        (Shape("moon", "white", 0.3, 0.35, 0.22), Shape("star", "yellow", 0.7, 0.62, 0.24)),
        "black",
    ),
    Scene(
        (
            Shape("circle", "green", 0.19, 0.35, 0.15),
            Shape("square", "red", 0.5, 0.68, 0.18),
            Shape("circle", "blue", 0.81, 0.35, 0.15),
        ),
        "white",
    ),
)
_SIZE = 256
_PAPER, _INK, _THICKNESS = 245, 20, 3
_PAGE = """
# The demo's generator

A `StableDiffusionPipeline` of 5.5 million parameters, 128 x 128, trained from scratch on the shapes
of `demo/shapes.py`. What it can and cannot do: `docs/demo.md`.
"""


def write(folder: Path) -> None:
    """`README.md`, and beside it the sketches that it names."""
    (folder / "sketches").mkdir(parents=True, exist_ok=True)
    widget = []
    for number, scene in enumerate(SCENES, 1):
        src = f"sketches/{number}.png"
        Image.fromarray(sketch(scene)).quantize(8).save(folder / src, optimize=True)
        widget.append({"text": caption(scene), "src": src})
    words = sorted({word for word in (*CAPTION_WORDS, *FILLER_WORDS) if word.isalpha()})
    front = {
        "license": "apache-2.0",
        "library_name": "diffusers",
        "pipeline_tag": "text-to-image",
        "description": DESCRIPTION,
        "widget": widget,
        "vocabulary": words,
    }
    text = yaml.safe_dump(front, sort_keys=False, width=100)
    (folder / "README.md").write_text(f"---\n{text}---\n{_PAGE}")


def sketch(scene: Scene) -> np.ndarray:
    """The scene's outlines, as drawn with a thin brush: uint8 [256, 256]."""
    image = np.full((_SIZE, _SIZE), _PAPER, dtype=np.uint8)
    for shape in scene.shapes:
        contours = [np.round(contour * 16).astype(np.int32) for contour in shape.contours(_SIZE)]
        cv2.polylines(image, contours, True, _INK, _THICKNESS, cv2.LINE_AA, shift=4)
    return image
